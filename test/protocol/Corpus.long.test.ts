/** Corpus.test.ts, cut at every position. */
import "./Corpus.test.js"
