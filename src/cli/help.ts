/** The parts of the help that are more than a line a flag. */

export const EXAMPLES = {
  bgt: `
Examples:
  bgt get https://example.com/big.iso             into the working directory
  bgt get https://example.com/big.iso             again: goes on where it was stopped
  bgt put big.iso https://example.com/big.iso     the other way; the same again goes on
  bgt resume                                      goes on with everything unfinished
  bgt show 8df1c03a                               why it is not moving; the end of a guid is enough

Exit codes: 0 every file is there, 2 usage, 3 no such operation, 4 not found on the server, 5 temporary failure,
6 permanent failure, 7 unfinished, 8 local file trouble, 10 store locked or damaged, 130 and 143 interrupted.`,
  get: `
Examples:
  bgt get https://example.com/big.iso -o /tmp/big.iso --checksum sha256=9f86d081884c7d65…
  bgt get https://example.com/a https://example.com/b -d downloads --group nightly --serialized
  printf 'https://example.com/a\\tfirst.bin\\n' | bgt get -i - -d downloads --json`,
  put: `
Examples:
  bgt put video.mp4 https://example.com/videos/1 -H 'Content-Type: video/mp4'
  bgt put https://example.com/pictures --form title=Holidays --form 'picture=@beach.jpg;type=image/jpeg'
  bgt put big.iso https://tus.example.com/files --tus           goes on where it was cut
  tar c docs | bgt put - https://example.com/docs.tar --json`,
  resume: `
Examples:
  bgt resume
  bgt resume 8df1c03a --json`,
  host: `
Examples:
  bgt host --store /var/lib/films                 in the foreground: for systemd, and for containers
  bgt host --background --idle-exit 300
  bgt host status                                 who has the store, and what applications used
  bgt get --detach https://example.com/big.iso    starts one by itself`,
  doctor: `
Examples:
  bgt doctor --store ./transfers
  bgt doctor --store ./transfers --repair --search ~/Downloads`,
  completion: `
Examples:
  bgt completion bash > ~/.local/share/bash-completion/completions/bgt
  bgt completion zsh > ~/.zfunc/_bgt                        (with ~/.zfunc in fpath)
  bgt completion fish > ~/.config/fish/completions/bgt.fish`,
} as const

export const DETAILS = {
  put: `
The same file and URL again go on with the upload that is unfinished. PUT may be sent twice; an unfinished upload with another
method is canceled and sent anew. stdin is first copied into a private file beside the store. A form: name=value is text,
name=@file a file, with ;type= and ;filename= behind it where they are to be said; FILE before the URL is its part named file.
`,
  get: `
The same URL and file again go on with the download that is unfinished, paused ones included; nothing else is touched.
Without -o, and without a name in the list, the file is called as the server says (Content-Disposition), made safe, or else by
the last part of the URL's path. Secrets need not stand on the command line:
--header-file holds 'Name: value' lines. Times are in seconds, fractions allowed.
`,
} as const
