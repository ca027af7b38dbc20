/** A server for a process with few descriptors. */
import { listen, server } from "tsgi"

server(listen(), (_, startResponse) => {
  startResponse("200 OK", [])
  return "hello"
}, { log: (line) => void process.stdout.write(`${line}\n`) })
