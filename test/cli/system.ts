/** An app that answers with a text. */

export const app = (text: string): string =>
  `export default (env, startResponse) => { startResponse("200 OK", []); return ${JSON.stringify(text)} }`
