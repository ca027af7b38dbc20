/** Finishing.test.ts, with every scene. */
import "./Finishing.test.js"
