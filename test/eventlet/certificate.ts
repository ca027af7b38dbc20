/** Certificates for the length of a test. */
import * as selfsigned from "selfsigned"

/** A key and a certificate that vouches for itself. */
export const makeCertificate = async (name: string): Promise<{ readonly key: string; readonly cert: string }> => {
  const made = await selfsigned.generate([{ name: "commonName", value: name }], { keySize: 2048 })
  return { key: made.private, cert: made.cert }
}
