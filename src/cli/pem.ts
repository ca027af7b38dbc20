/**
 * Reads and checks files of certificates and keys (PEM), before a worker starts.
 *
 * @since 0.2.0
 */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto"
import type { TlsFiles } from "./ListenSettings.js"
import type { Tls } from "./messages.js"
import { wrong } from "./Plan.js"
import { readText } from "./readText.js"

/**
 * Throws a `PlanError` that names the invalid file.
 *
 * @since 0.2.0
 * @category constructors
 */
export const readTls = ({ ca, cert, client, key }: TlsFiles): Tls => {
  const texts = {
    cert: readText(cert, "tls-cert"),
    key: readText(key, "tls-key"),
    ca: ca === undefined ? undefined : readText(ca, "tls-ca")
  }
  const certificate = certificateIn(texts.cert, `--tls-cert ${cert}`)
  if (texts.ca !== undefined) certificateIn(texts.ca, `--tls-ca ${ca}`)
  if (!certificate.checkPrivateKey(keyIn(texts.key, `--tls-key ${key}`))) {
    throw wrong(`--tls-key ${key}: is not the key of the certificate in ${cert}`)
  }
  return { ...texts, client }
}

const certificateIn = (text: string, where: string): X509Certificate => {
  try {
    return new X509Certificate(text)
  } catch {
    throw wrong(`${where}: no certificate in it (-----BEGIN CERTIFICATE-----)`)
  }
}

const keyIn = (text: string, where: string): KeyObject => {
  try {
    return createPrivateKey(text)
  } catch {
    throw wrong(
      /ENCRYPTED/.test(text)
        ? `${where}: is encrypted; openssl pkey -in it -out another one takes the passphrase away`
        : `${where}: no private key in it (-----BEGIN PRIVATE KEY-----)`
    )
  }
}
