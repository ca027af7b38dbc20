/**
 * The types of a WSGI application: PEP 3333 in TypeScript.
 *
 * @since 0.1.0
 */
import type { Environ } from "./Environ.js"
import type { HeaderPairs } from "./HeaderPairs.js"

/**
 * A function that the server calls once for each request. It returns the body, or a promise of it.
 *
 * @since 0.1.0
 * @category models
 */
export type App = (env: Environ, startResponse: StartResponse) => AppBody | Promise<AppBody>

/**
 * A function that sets status and fields of the response, once. `status` is a code and a reason, such as `"200 OK"`; a code
 * without one gets its registered reason. Nothing is sent before the first byte of the body, so a failure until then is still
 * answered.
 *
 * With `errorInfo` it replaces a head that was not yet sent; if that was sent, it throws `errorInfo`.
 *
 * It throws a `ResponseError`: `InvalidStatus`, `InvalidReason`, `InvalidFields`, `InvalidFieldName`, `InvalidFieldValue` (CR
 * or LF, for instance), `InvalidContentLength`, `InvalidTransferEncoding`, `HeadAlreadySet`,
 * `HeadAlreadySent`.
 *
 * @since 0.1.0
 * @category models
 */
export type StartResponse = (status: string, headers: HeaderPairs, errorInfo?: unknown) => Write

/**
 * A function that sends a part of the body before the body that the application returns. An empty part sends the head at once.
 * The promise resolves when there is room for more, and other connections have been served. It rejects with a `WriteError` when
 * the response can no longer be sent: the client has left, the server stops, or the response is complete. A rejection that is not
 * handled is ignored.
 *
 * @since 0.1.0
 * @category models
 */
export type Write = (part: string | Uint8Array) => Promise<void>

/**
 * What an application returns as its body. Text is encoded as UTF-8. Text, bytes and arrays have a length, which becomes
 * Content-Length if the application gives none; other iterables are sent chunked. A text is one part, not a sequence of
 * characters. Bytes are not copied, and may be sent a little later, so do not change them.
 *
 * @since 0.1.0
 * @category models
 */
export type AppBody = string | Uint8Array | Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>
