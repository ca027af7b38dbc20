/** The application that tsgi's facade serves. */
import type { App, PostHookEntry, ServerOptions } from "tsgi"
import { bytesType, downloads, hello, mostConnections, textType } from "./work.js"

const text = [["Content-Type", textType]] as const
const bytes = [["Content-Type", bytesType]] as const

let hooks = 0
const hook: PostHookEntry = [() => {
  hooks++
}]

export const app: App = (env, startResponse) => {
  const path = env.PATH_INFO
  if (path === "/hello") {
    startResponse("200 OK", text)
    return hello
  }
  if (path === "/hook") {
    env["eventlet.posthooks"].push(hook)
    startResponse("200 OK", text)
    return hello
  }
  if (path === "/hooks") {
    startResponse("200 OK", text)
    return String(hooks)
  }
  if (path === "/upload") return upload(env, startResponse)
  const [, form, size] = path.split("/")
  const download = downloads[`/${size}`]
  if (download === undefined) {
    startResponse("404 Not Found", text)
    return ""
  }
  startResponse("200 OK", bytes)
  return form === "array" ? download.parts : download.stream()
}

const upload = async (...[env, startResponse]: Parameters<App>): Promise<string> => {
  let length = 0
  for await (const piece of env["wsgi.input"]) length += piece.length
  startResponse("200 OK", text)
  return String(length)
}

/** The options: no access log, and places for all connections. */
export const options: ServerOptions = { logOutput: false, maxSize: mostConnections }
