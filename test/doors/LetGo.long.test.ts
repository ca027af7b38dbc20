/** LetGo.test.ts, at every door. */
import "./LetGo.test.js"
