/** Certificates for the length of a test file. */
import { generate } from "selfsigned"

export interface Certificate {
  readonly key: string
  readonly cert: string
}

const made = new Map<string, Promise<Certificate>>()

const make = async (name: string): Promise<Certificate> => {
  const { cert, private: key } = await generate([{ name: "commonName", value: name }], { keyType: "ec" })
  return { key, cert }
}

/** A key and a certificate that vouches for itself; one for all that ask for the same name. */
export const makeCertificate = (name: string): Promise<Certificate> => {
  const found = made.get(name) ?? make(name)
  made.set(name, found)
  return found
}

/** Another for the name than all the others, for what compares them. */
export const makeAnotherCertificate = make
