/**
 * Keeps the memory that sockets are read into.
 *
 * @since 0.1.0
 */
import { Buffer } from "node:buffer"

let done = false

/**
 * Makes glibc keep the memory of reads instead of giving it back to the system, once for the process.
 *
 * Node allocates 64 KiB for every read, and the garbage collector frees hundreds of these blocks at once. glibc returns free
 * memory at the end of its heap to the kernel, which must clear these pages again for the next reads. That was more than half
 * of the cost of an upload (test/bench/README.md). glibc adapts to the largest block that was freed, up to 32 MiB: it then
 * keeps twice as much, and takes smaller blocks from its heap (mallopt(3), M_TRIM_THRESHOLD and M_MMAP_THRESHOLD). So this
 * allocates one such block and leaves it to the garbage collector. It is never written to, so it takes no memory. Other
 * allocators are not affected, and neither is glibc where MALLOC_TRIM_THRESHOLD_ is set.
 *
 * @since 0.1.0
 */
export const keepReadMemory = (): void => {
  if (done) return
  done = true
  Buffer.allocUnsafeSlow(largest)
}

// a whole number of pages below that maximum, less the header that malloc adds
const largest = 32 * 1_048_576 - 65_536
