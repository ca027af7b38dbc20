/**
 * What is known of the other end of a connection, whatever carries it.
 *
 * @since 0.2.0
 */
import type { ProxyHeader } from "../protocol/proxyHeader.js"
import type { Address } from "./Address.js"

/**
 * What a TLS session agreed on.
 *
 * @since 0.1.0
 * @category models
 */
export interface TlsInfo {
  /** Such as `TLSv1.3`. */
  readonly protocol: string | undefined
  /** Such as `TLS_AES_256_GCM_SHA384`. */
  readonly cipher: string | undefined
  /** The name that the client asked for (SNI, RFC 6066). */
  readonly serverName: string | undefined
  /** The application protocol agreed on (ALPN, RFC 7301). */
  readonly alpnProtocol: string | undefined
  /** Whether the client has shown a certificate that the authorities given vouch for. */
  readonly authorized: boolean
  /** The client's certificate in DER form, where it showed one. */
  readonly peerCertificate: Uint8Array | undefined
}

/**
 * @since 0.2.0
 * @category models
 */
export interface PeerFacts {
  readonly local: Address
  /** Unix peers have no name: their path is empty. */
  readonly remote: Address
  readonly tls: TlsInfo | undefined
  /**
   * The PROXY header that it began with, which `remote` is from; absent where none was asked for.
   *
   * @since 0.2.0
   */
  readonly proxy?: ProxyHeader | undefined
  /**
   * Runs a callback in the async context of this stream: code that runs for one client must not see what an application keeps in
   * an `AsyncLocalStorage` for another.
   */
  readonly run: <A, B>(callback: (first: A, second: B) => void, first: A, second: B) => void
}
