// Measures llama.cpp (prebuilt, through the npm package node-llama-cpp) on a GGUF file: the baseline that Juggler is held against.
//   mkdir -p ~/peer && cd ~/peer && npm init -y && npm i --ignore-scripts node-llama-cpp@3.22.1
//   NODE_PATH is not read by ES modules, so run from that folder:  node benchmarks/llamacpp-peer.mjs MODEL.gguf [threads=2] [pp=512] [tg=64] [reps=3]
// Prints one line a repetition and the median line last:  llama.cpp pp512 <tokens/s> tg64 <tokens/s>
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
const require = createRequire(process.cwd() + "/");
const { getLlama } = await import(pathToFileURL(require.resolve("node-llama-cpp")));
const [, , path, threads = "2", pp = "512", tg = "64", reps = "3"] = process.argv;
const llama = await getLlama({ gpu: false, build: "never", logLevel: "error" });
const model = await llama.loadModel({ modelPath: path, gpuLayers: 0 });
const context = await model.createContext({ contextSize: Math.max(1024, +pp + +tg + 8), batchSize: 512, threads: +threads });
const sequence = context.getSequence();
const vocab = 30000, tokens = (n) => Array.from({ length: n }, (_, i) => 5 + ((i * 7919 + 13) % (vocab - 10)));
const rates = [];
for (let r = 0; r <= +reps; r++) { // the first repetition warms up and is not counted
  await sequence.clearHistory();
  let t = performance.now();
  await sequence.evaluateWithoutGeneratingNewTokens(tokens(+pp));
  const prefill = (+pp / (performance.now() - t)) * 1000;
  await sequence.clearHistory();
  let n = 0, first = 0;
  for await (const _ of sequence.evaluate([1], { temperature: 0, yieldEogToken: true })) {
    if (n++ === 0) first = performance.now();
    if (n > +tg) break;
  }
  const decode = ((n - 1) / (performance.now() - first)) * 1000;
  if (r > 0) rates.push([prefill, decode]);
  console.log(`${r === 0 ? "warm-up" : "rep " + r} pp${pp} ${prefill.toFixed(2)} tg${tg} ${decode.toFixed(2)}`);
}
const median = (k) => rates.map((x) => x[k]).sort((a, b) => a - b)[Math.floor(rates.length / 2)].toFixed(2);
console.log(`llama.cpp pp${pp} ${median(0)} tg${tg} ${median(1)}`);
process.exit(0);
