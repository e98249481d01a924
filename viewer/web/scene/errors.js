/** Errors in a scene's files. */

/** Error in data, with a sentence that the page can show. */
export class DataError extends Error {}

/** Error of the network, which may work again later. */
export class FetchError extends DataError {}
