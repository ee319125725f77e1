// Drives the server with the openai package. Prints "ok NAME" for each check; any failure ends with an error.
import assert from 'node:assert/strict';
import OpenAI from 'openai';

const client = new OpenAI({ baseURL: process.argv[2] + '/v1', apiKey: 'none', maxRetries: 0, timeout: 10000 });
const messages = [{ role: 'user', content: 'hi' }];
const ok = (name) => console.log('ok ' + name);

const whole = await client.chat.completions.create({ model: 'demo', messages });
assert.equal(whole.choices[0].message.content, 'Hello world');
assert.equal(whole.usage.total_tokens, 8);
ok('chat');

let text = '';
let reason = null;
let usage = null;
const stream = await client.chat.completions.create({
  model: 'demo', messages, stream: true, stream_options: { include_usage: true },
});
for await (const chunk of stream) {
  text += chunk.choices[0]?.delta?.content ?? '';
  reason = chunk.choices[0]?.finish_reason ?? reason;
  usage = chunk.usage ?? usage;
}
assert.deepEqual([text, reason, usage.total_tokens], ['Hello world', 'stop', 8]);
ok('stream');

const runner = client.chat.completions.stream({ model: 'demo', messages });
assert.equal(await runner.finalContent(), 'Hello world');
ok('stream helper');

const tools = [{ type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: {} } } }];
const called = await client.chat.completions.create({ model: 'demo', messages, tools });
assert.equal(called.choices[0].finish_reason, 'tool_calls');
assert.deepEqual(JSON.parse(called.choices[0].message.tool_calls[0].function.arguments), { city: 'Köln' });
const calling = client.chat.completions.stream({ model: 'demo', messages, tools });
const message = await calling.finalMessage();
assert.equal(message.tool_calls[0].function.name, 'weather');
assert.deepEqual(JSON.parse(message.tool_calls[0].function.arguments), { city: 'Köln' });
ok('tools');

const completion = await client.completions.create({ model: 'demo', prompt: 'x' });
assert.equal(completion.choices[0].text, 'Hello world');
ok('completion');

const models = [];
for await (const model of client.models.list()) models.push(model.id);
assert.deepEqual(models, ['demo', 'org/plain:7b']);
assert.equal((await client.models.retrieve('org/plain:7b')).id, 'org/plain:7b');
ok('models');

await assert.rejects(client.chat.completions.create({ model: 'other', messages }), OpenAI.NotFoundError);
await assert.rejects(
  client.chat.completions.create({ model: 'demo', messages, temperature: 'hot' }),
  (error) => error instanceof OpenAI.BadRequestError && error.param === 'temperature',
);
ok('errors');

const aborted = await client.chat.completions.create({
  model: 'demo', stream: true, messages: [{ role: 'user', content: 'hang' }],
});
for await (const chunk of aborted) {
  assert.equal(chunk.choices[0].delta.content, 'partial');
  aborted.controller.abort();
}
ok('abort');
