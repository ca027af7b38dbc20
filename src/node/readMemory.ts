/**
 * The memory that sockets are read into.
 *
 * @since 0.1.0
 */
import { Buffer } from "node:buffer"

let settled = false

/**
 * Has glibc keep the memory of reads instead of giving it back to the system, once for the process.
 *
 * Node allocates 64 KiB for every read, and frees hundreds of them at once, when garbage is collected. glibc returns what is
 * free at the end of its heap, so the kernel takes these pages and clears them again for the reads that follow: that was
 * more than half of what an upload costs (test/bench/README.md). It learns how much a program frees from the largest block
 * that it sees freed, up to 32 MiB: from then on it keeps twice as much, and takes blocks that are smaller from its heap
 * (mallopt(3), M_TRIM_THRESHOLD and M_MMAP_THRESHOLD). A block that nobody writes to takes no memory; it is freed when garbage
 * is collected next. Other allocators do not mind, and neither does glibc where MALLOC_TRIM_THRESHOLD_ is set.
 *
 * @since 0.1.0
 */
export const keepReadMemory = (): void => {
  if (settled) return
  settled = true
  Buffer.allocUnsafeSlow(largest)
}

// with what malloc needs for itself, a whole number of pages below the most that it learns from
const largest = 32 * 1_048_576 - 65_536
