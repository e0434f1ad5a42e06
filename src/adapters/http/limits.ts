/** Sizes that more than one file of this adapter must agree on. */

const KIB = 1024

/** The head of a response, all its fields together. */
export const MAX_HEAD_BYTES = 16 * KIB

/** One read where no memory was lent: what undici's parser takes at once, and the most that can be in flight beyond lent memory. */
export const READ_BYTES = 64 * KIB

/**
 * The most room, at the end of memory that was offered for reads, that is not worth another read: that memory is handed over. Memory
 * with more room is not, but for a large read, where what is in it may be told outside a read (GatheredReads): the connection still
 * points there.
 */
export const CRUMB_BYTES = 64 * KIB

/** A read that brings so much is handed over at once. Slower connections fill the memory first: each write has its price. */
export const LARGE_READ_BYTES = 128 * KIB

/** A read that brought so much would bring more into larger memory. */
export const MUCH_BYTES = 1024 * KIB

/** What may wait for memory from a connection that cannot be held back. */
export const MAX_UNHELD_BYTES = 16 * 1024 * KIB

/** Dropping this much costs less than another connection. */
export const MAX_DRAIN_BYTES = 64 * KIB

/** Of a request body: where more went out, it does not go out once more within its try. */
export const MAX_REPEATED_BYTES = 1024 * KIB

/** Where undici has the connection, bodies from this length on bypass its parser, at the price of the connection. */
export const DIRECT_BODY_THRESHOLD_BYTES = 1024 * KIB

/** The most that is written at once of a request body, to a connection that proved fast. */
export const LARGE_WRITE_BYTES = 1024 * KIB

/** One write to a connection that is slow, or not known yet: the count of what went out grows in these steps. */
export const SMALL_WRITE_BYTES = 64 * KIB

/** How long an idle connection may be used again, where its server does not say less. */
export const KEEP_ALIVE_MS = 4_000

/** What a server says of idle connections is believed but for this: it may close while the next request is on its way. */
export const KEEP_ALIVE_MARGIN_MS = 2_000
