/** What tells one version of a resource from another: a strong ETag, or a Last-Modified that is old enough. */

/** A validator that may stand in If-Range (RFC 9110, 13.1.5). */
export type Validator =
  | {readonly kind: 'etag' /** As sent, quotes included. */; readonly value: string}
  | {readonly kind: 'lastModified' /** The HTTP date as sent. */; readonly value: string}
