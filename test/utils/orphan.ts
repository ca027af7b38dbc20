/** Ends this worker when its runner is gone, however it went: a worker would go on with its test, and with the programs of it. */
const isFirst = process.listenerCount("disconnect") === 0

// once in a worker, which has many files
if (isFirst) process.once("disconnect", () => process.exit(1))
