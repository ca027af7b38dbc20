/** The app of `tsgi serve`: a hello, and a millisecond of work. */
import type { StartResponse } from "tsgi"
import { hello, textType, work } from "./work.js"

export default (environ: { readonly PATH_INFO: string }, startResponse: StartResponse): string => {
  if (environ.PATH_INFO === "/work") work()
  startResponse("200 OK", [["Content-Type", textType], ["Content-Length", `${hello.length}`]])
  return hello
}
