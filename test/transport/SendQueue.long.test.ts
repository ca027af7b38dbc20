/** SendQueue.test.ts, with more examples. */
import "./SendQueue.test.js"
