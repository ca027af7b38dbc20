/** A process that has inherited a bound socket as its descriptor 3, and serves on it at once. */
import { listen, server } from "tsgi"

const running = server(listen({ fd: 3 }), (_, startResponse) => {
  startResponse("200 OK", [["Connection", "close"]])
  return `${process.pid}\n`
}, { logOutput: false })
process.send?.({ pid: process.pid, address: await running.ready })
process.once("disconnect", () => void running.stop())
