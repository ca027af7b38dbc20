/**
 * What is known about the other end of a connection, over any transport.
 *
 * @since 0.2.0
 */
import type { ProxyHeader } from "../protocol/proxyHeader.js"
import type { Address } from "./Address.js"

/**
 * The results of a TLS handshake.
 *
 * @since 0.1.0
 * @category models
 */
export interface TlsInfo {
  /** The version of TLS, such as `TLSv1.3`. */
  readonly protocol: string | undefined
  /** The cipher, such as `TLS_AES_256_GCM_SHA384`. */
  readonly cipher: string | undefined
  /** The name for which the client has asked (SNI, RFC 6066). */
  readonly serverName: string | undefined
  /** The application protocol agreed on (ALPN, RFC 7301). */
  readonly alpnProtocol: string | undefined
  /** Whether the client has shown a certificate that one of the given authorities has signed. */
  readonly authorized: boolean
  /** The client's certificate in DER form, if it has shown one. */
  readonly peerCertificate: Uint8Array | undefined
}

/**
 * @since 0.2.0
 * @category models
 */
export interface PeerFacts {
  readonly local: Address
  /** The address of the peer. The path of a unix peer is empty. */
  readonly remote: Address
  readonly tls: TlsInfo | undefined
  /**
   * The PROXY header with which the connection began, and from which `remote` is; absent if none was asked for.
   *
   * @since 0.2.0
   */
  readonly proxy?: ProxyHeader | undefined
  /**
   * Runs a callback in the async context of this stream, because code that runs for one client must not see what an application
   * keeps in an `AsyncLocalStorage` for another.
   */
  readonly run: <A, B>(callback: (first: A, second: B) => void, first: A, second: B) => void
}
