/** OriginManners: whether an origin asked to be left alone, for whoever asks it of his own accord. */

export interface OriginManners {
  /** It asked for quiet: nobody begins to talk to it now. */
  isQuiet(url: string): boolean
  /** It answered that for so many ms nobody should ask it. */
  overloaded(url: string, quietMs: number): void
}
