/** A cluster with one worker, which is disconnected while one of its connections is idle. The first argument is the policy. */
import cluster from "node:cluster"
import { connect } from "node:net"
import { listen, server } from "tsgi"

const dial = (port: number, disconnect: () => void): void => {
  const idle = connect(port, "127.0.0.1", () => idle.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
  idle.once("data", disconnect)
  idle.on("end", () => process.stdout.write("closed\n"))
}

if (cluster.isPrimary) {
  cluster.schedulingPolicy = process.argv[2] === "SCHED_RR" ? cluster.SCHED_RR : cluster.SCHED_NONE
  const worker = cluster.fork()
  worker.on("message", (port: number) => dial(port, () => worker.disconnect()))
  worker.on("exit", (code) => process.stdout.write(`exited ${code}\n`))
} else {
  const running = server(listen(0), (_, startResponse) => {
    startResponse("204 No Content", [])
    return ""
  }, { logOutput: false })
  const address = await running.ready
  process.send?.(address._tag === "Tcp" ? address.port : 0)
}
