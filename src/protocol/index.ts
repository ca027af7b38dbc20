/**
 * HTTP/1.1 messages as bytes and values, without sockets, clocks or effects, for others to build on.
 *
 * @module tsgi/protocol
 * @since 0.1.0
 */
/// <reference types="node" preserve="true" />
export { type BodyDecoder, bodyDecoder } from "./bodyDecoder.js"
export * from "./chunk.js"
export * from "./failure.js"
export { type FieldName, titleCase } from "./fieldNames.js"
export { type Fields } from "./fields.js"
export * from "./framing.js"
export { isFieldValue, isToken, listMembers } from "./grammar.js"
export { type FieldCase } from "./headLines.js"
export {
  type FieldPairs,
  type FieldWriter,
  type InterimHead,
  type JudgedHead,
  judgeFinal,
  judgeInterim,
  type ResponseHead
} from "./heads.js"
export { prepareInterim } from "./interimHead.js"
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
export * from "./requestReader.js"
export {
  draft,
  type HeadDraft,
  prepare,
  type PreparedHead,
  type ResponseContext,
  type ResponseFraming
} from "./responseHead.js"
export * from "./target.js"
