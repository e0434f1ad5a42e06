/** FileBounds: which files of this machine an application of the host may have written, read or run for it. */

export interface FileBounds {
  /** Rejects with FILE_ACCESS. Links are followed, so that the answer holds for as long as nobody changes them. */
  demand(app: string | undefined, path: string, what: 'write' | 'read' | 'run'): Promise<void>
}
