/**
 * HTTP/1.1 messages as bytes and values, without sockets, clocks or effects, for others to build on.
 *
 * @module tsgi/protocol
 * @since 0.1.0
 */
/// <reference types="node" preserve="true" />
export * from "./bodyMessage.js"
export * from "./failure.js"
export { type FieldName, titleCase } from "./fieldNames.js"
export { type Fields } from "./fields.js"
export { isFieldValue, isToken, listMembers } from "./grammar.js"
export { type BodyDecoder, bodyDecoder } from "./h1/bodyDecoder.js"
export * from "./h1/chunk.js"
export * from "./h1/framing.js"
export { type FieldCase } from "./h1/headLines.js"
export { prepareInterim } from "./h1/interimHead.js"
export { hostFromTarget, type Http1RequestHead, RequestHeadParser } from "./h1/requestHead.js"
export * from "./h1/requestReader.js"
export {
  draft,
  type HeadDraft,
  prepare,
  type PreparedHead,
  type ResponseContext,
  type ResponseFraming
} from "./h1/responseHead.js"
export {
  type FieldPairs,
  type FieldWriter,
  type InterimHead,
  type JudgedHead,
  judgeFinal,
  judgeInterim,
  judgeTrailers,
  type ResponseHead,
  type Trailers
} from "./heads.js"
export { type InvalidHead } from "./invalidHead.js"
export * from "./limits.js"
export * from "./octets.js"
export {
  type ProxyAddress,
  type ProxyFailure,
  type ProxyHeader,
  type ProxyReading,
  type ProxySsl,
  type ProxyTlv,
  type ProxyVersions,
  readProxyHeader
} from "./proxyHeader.js"
export * from "./reasonPhrase.js"
export * from "./requestHead.js"
export * from "./target.js"
