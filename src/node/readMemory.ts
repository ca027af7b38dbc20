/**
 * The memory that sockets are read into.
 *
 * @since 0.1.0
 */
import { Buffer } from "node:buffer"

let settled = false

/**
 * Makes glibc keep the memory of reads instead of giving it back to the system, once for the process.
 *
 * Node allocates 64 KiB for every read, and frees hundreds of these blocks at once when garbage is collected. glibc gives free memory
 * at the end of its heap back to the kernel, which takes these pages and clears them again for the next reads. That was more than half
 * of the cost of an upload (test/bench/README.md). glibc adapts to the largest block that is freed, up to 32 MiB: from then on it keeps
 * twice as much, and takes smaller blocks from its heap (mallopt(3), M_TRIM_THRESHOLD and M_MMAP_THRESHOLD). So this allocates such a
 * block, never writes to it, which takes no memory, and leaves it to the garbage collector. Other allocators are not affected, and
 * neither is glibc where MALLOC_TRIM_THRESHOLD_ is set.
 *
 * @since 0.1.0
 */
export const keepReadMemory = (): void => {
  if (settled) return
  settled = true
  Buffer.allocUnsafeSlow(largest)
}

// a whole number of pages below that maximum, with room for malloc's own data
const largest = 32 * 1_048_576 - 65_536
