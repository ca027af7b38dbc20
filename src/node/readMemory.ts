/**
 * Keeps the memory into which sockets are read.
 *
 * @since 0.1.0
 */
import { Buffer } from "node:buffer"

let done = false

/**
 * Makes glibc keep the memory of reads instead of giving it back to the system, once for the process.
 *
 * Node allocates 64 KiB for every read, and the garbage collector frees hundreds of these blocks at once. glibc returns free
 * memory at the end of its heap to the kernel, which must clear these pages again for the next reads. With the memory kept, an
 * upload of 64 KiB takes 63 µs of processor time instead of 170 (test/bench/README.md, the kernel's pages that reads were made
 * of). glibc adapts to the largest block that was freed, up to 32 MiB: it then keeps twice as much, and takes smaller blocks from
 * its heap (mallopt(3), M_TRIM_THRESHOLD and M_MMAP_THRESHOLD). So this function allocates one such block and leaves it to the
 * garbage collector. Nothing is written to the block, so it takes no memory. Other allocators are not affected, and neither is
 * glibc if MALLOC_TRIM_THRESHOLD_ is set.
 *
 * @since 0.1.0
 */
export const keepReadMemory = (): void => {
  if (done) return
  done = true
  Buffer.allocUnsafeSlow(largest)
}

// this is a whole number of pages below that maximum, less the header that malloc adds
const largest = 32 * 1_048_576 - 65_536
