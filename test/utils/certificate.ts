/** Certificates for the length of a test. */
import { generate } from "selfsigned"

/** A key and a certificate that vouches for itself. */
export const makeCertificate = async (name: string): Promise<{ readonly key: string; readonly cert: string }> => {
  const { cert, private: key } = await generate([{ name: "commonName", value: name }], { keyType: "ec" })
  return { key, cert }
}
