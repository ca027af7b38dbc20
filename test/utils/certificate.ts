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

/** A key and a self-signed certificate, which all callers with the same name share. */
export const makeCertificate = (name: string): Promise<Certificate> => {
  const found = made.get(name) ?? make(name)
  made.set(name, found)
  return found
}

/** A certificate that is not shared, for tests that compare two. */
export const makeAnotherCertificate = make
