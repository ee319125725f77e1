// Drives the server with the ollama package. Prints "ok NAME" for each check; any failure ends with an error.
import assert from 'node:assert/strict';
import { Ollama } from 'ollama';

const client = new Ollama({ host: process.argv[2] });
const messages = [{ role: 'user', content: 'hi' }];
const ok = (name) => console.log('ok ' + name);

const whole = await client.chat({ model: 'demo', messages });
assert.equal(whole.message.content, 'Hello world');
assert.equal(whole.eval_count, 3);
assert.ok(!Number.isNaN(new Date(whole.created_at).getTime()));
ok('chat');

let text = '';
let last = null;
for await (const part of await client.chat({ model: 'demo:latest', messages, stream: true })) {
  text += part.message.content;
  last = part;
}
assert.deepEqual([text, last.done, last.done_reason], ['Hello world', true, 'stop']);
ok('stream');

assert.equal((await client.generate({ model: 'demo', prompt: 'x' })).response, 'Hello world');
text = '';
for await (const part of await client.generate({ model: 'demo', prompt: 'x', stream: true })) text += part.response;
assert.equal(text, 'Hello world');
ok('generate');

const tools = [{ type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: {} } } }];
const called = await client.chat({ model: 'demo', messages, tools });
assert.deepEqual(called.message.tool_calls[0].function.arguments, { city: 'Köln' });
ok('tools');

assert.equal((await client.list()).models[0].name, 'demo');
assert.equal((await client.show({ model: 'demo' })).details.quantization_level, 'Q8_0');
assert.equal((await client.ps()).models[0].name, 'demo');
assert.equal((await client.version()).version, '1.2.3');
ok('models');

await assert.rejects(client.chat({ model: 'other', messages }), (error) => error.status_code === 404);
await assert.rejects(client.pull({ model: 'other' }), (error) => error.status_code === 501);
ok('errors');

const aborted = await client.chat({ model: 'demo', messages: [{ role: 'user', content: 'hang' }], stream: true });
await assert.rejects(async () => {
  for await (const part of aborted) {
    assert.equal(part.message.content, 'partial');
    aborted.abort();
  }
}, { name: 'AbortError' });
ok('abort');
