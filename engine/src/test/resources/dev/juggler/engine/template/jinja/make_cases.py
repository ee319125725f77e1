"""Writes jinja-cases.jsonl: small templates and what Python's jinja2 makes of them.

Settings and additions are those of Hugging Face transformers; list.append and its like are allowed. Run in this
folder with jinja2 3.1. A case that Python refuses is written with the type of its error and no text.
"""
import json
import jinja2
from jinja2.ext import loopcontrols


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


VARIABLES = {
    "s": "Hello, World", "e": "", "n": 7, "f": 2.5, "z": 0, "t": True, "no": False, "nil": None, "u8": "naïve 👋🏽 ß",
    "l": [3, 1, 2], "words": ["b", "A", "c", "a"], "d": {"b": 1, "a": 2, "items": 3}, "mixed": [1, "x", None, True, 2.0, [1], {"k": "v"}],
    "m": [{"role": "user", "content": "hi", "n": 2}, {"role": "assistant", "content": "yo", "n": 1},
          {"role": "user", "content": "bye", "n": 3}],
    "tree": [{"v": 1, "c": [{"v": 2, "c": []}, {"v": 3, "c": [{"v": 4, "c": []}]}]}],
    "multi": "one\n\ttwo\r\n\nthree ", "quote": "it's \"q\" \\ \n \x07 \x7f \u200b end",
}

EXPRESSIONS = """
1 + 2 * 3 ** 2 | 7 // 2 | -7 // 2 | -7 % 3 | 7 % -3 | 7 / 2 | 8 / 2 | 7.0 // 2 | 2 ** -1 | 2 ** 0.5 | -2 ** 2 | 1e3 | 1.5e-7 | 1e16 | 123456789.123
1e15 + 0.3 | 0.1 + 0.2 | 1 / 3 | 100.0 | -0.0 | 1_000 | 0x1F | 0b101 | 0o17 | true + 1 | n * 'ab' | 'ab' * n | [1] * 3 | [1] + [2] | (1, 2) + (3,)
1 == 1.0 | true == 1 | 'a' < 'b' | [1, 2] < [1, 3] | 1 < 2 < 3 | 1 < 2 > 3 | 1 in l | 'a' not in words | 'ell' in s | 'b' in d | nil is none | nope is defined
not t | not not n | t and n | e or 'x' | n and e | nil or z or e or [] | t if no else 'other' | 'x' if no | (1 if t else 2) + 1
s.upper() | s.lower() | s.title() | s.swapcase() | "they're bill's".title() | 'hELLO'.capitalize() | s.split(', ') | s.split() | ' a  b '.split() | 'a,b,c'.split(',', 1) | 'a,b,c'.rsplit(',', 1) | ' a b c '.rsplit(none, 1) | ' a b c '.split(none, 1)
'aXbXc'.split('X')[-1] | 'xxabxx'.strip('x') | 'xxabxx'.lstrip('x') | 'xxabxx'.rstrip('xb') | s.startswith('He') | s.endswith(('x', 'ld')) | s.startswith('ll', 2) | s.replace('l', 'L') | s.replace('l', 'L', 1) | 'aaa'.replace('', '-') | s.find('o') | s.rfind('o') | s.find('o', 5) | s.find('zz') | s.count('l') | s.index('W')
multi.splitlines() | multi.splitlines(true) | '-'.join(words) | '{} {}'.format(1, 'a') | '{0} {1} {0}'.format('a', 'b') | '{x:>5}|{y:.2f}|{z:,}'.format(x=1, y=2.345, z=1234567) | '{:05d}|{:+d}|{:x}|{:^7}|{:*<5}'.format(42, 5, 255, 'mid', 'a') | '{!r}'.format('a') | '{a[k]} {b.k}'.format(a={'k': 1}, b=namespace(k=2)) | '12'.isdigit() | 'ab'.isalpha() | 'a1'.isalnum() | ' '.isspace() | 'AB'.isupper() | 'ab'.islower()
'7'.zfill(3) | '-7'.zfill(4) | 'ab'.center(7) | 'ab'.center(6, '*') | 'abc'.center(6, '*') | 'ab'.ljust(4, '.') | 'ab'.rjust(4, '.') | 'prefix-x'.removeprefix('prefix-') | 'x.txt'.removesuffix('.txt') | 'a-b-c'.partition('-') | 'a-b-c'.rpartition('-') | 'a\\tb'.expandtabs(4)
u8|length | u8[6] | u8[-1] | u8[::-1] | u8.upper() | u8[2:5] | s[1:] | s[:-1] | s[::2] | s[-3:] | l[::-1] | l[1:] | l[5:] | l[-1] | l[0] | l[9] | l[:2] | (1, 2, 3)[1:]
l | words | d | mixed | (1,) | (1, 2) | () | {} | [] | {'a': [1, {'b': none}]} | quote | [quote] | {'k': "it's"} | [u8] | range(3) | range(3)|list | range(1, 10, 3)|list | range(5, 0, -2)|list | range(3)[1]
d.items() | d.keys()|list | d.values()|list | d.get('a') | d.get('x') | d.get('x', 5) | d['items']
l|length | s|count | d|length | l|first | l|last | l|sort | words|sort | words|sort(case_sensitive=true) | words|sort(reverse=true) | m|sort(attribute='n')|map(attribute='content')|list | m|sort(attribute='role,n')|map(attribute='n')|list | l|min | l|max | l|sum | m|sum('n') | m|sum(attribute='n', start=10) | words|min | m|max(attribute='n') | []|min | []|first
words|join | words|join(', ') | mixed|join('-') | m|join(', ', attribute='role') | words|unique|list | [1, 1, 2]|unique|list | l|reverse|list | s|reverse | d|dictsort | d|dictsort(by='value') | d|dictsort(reverse=true) | d|items|list | d|list | s[:3]|list
m|selectattr('role', 'equalto', 'user')|map(attribute='content')|list | m|selectattr('role', 'eq', 'user')|list|length | m|rejectattr('role', 'in', ['user'])|map(attribute='content')|join | m|selectattr('missing')|list | m|selectattr('n', 'gt', 1)|map(attribute='n')|list | l|select('odd')|list | l|reject('odd')|list | mixed|select('string')|list | mixed|select|list | words|map('upper')|join(',') | [1.5, '2']|map('int')|list | m|map(attribute='zz', default='dflt')|list | l|select('divisibleby', 3)|list
m|groupby('role')|map(attribute='grouper')|list | m|groupby('role')|map('first')|list | m|groupby('role')|map('last')|map('length')|list | [1,2,3,4,5]|batch(2)|list | [1,2,3,4,5]|batch(2, 'x')|list | [1,2,3,4,5]|slice(3)|list | [1,2,3,4,5]|slice(3, 'x')|list
nope|default('d') | e|default('d') | e|default('d', true) | nil|d('x') | nil|default('x', true) | nope.x|default(1) | '42'|int | '42.9'|int | 'x'|int | 'x'|int(5) | '0x1f'|int(0, 16) | '101'|int(base=2) | 3.99|int | -3.99|int | true|int | '1.5'|float | 'x'|float | 7|float | nil|int | -5|abs | 2.5|round | 3.5|round | 2.567|round(2) | 2.1|round(0, 'ceil') | 2.567|round(1, 'floor') | 42|round | 42.55|round(1) | 7|string | f|string + '!'
s|trim('Hd') | '  x '|trim | 'a b c'|title | 'foo-bar (baz'|title | 'hello WORLD'|capitalize | s|upper | s|lower | s|replace('o', '0') | s|replace('o', '0', 1) | '<a href="x">\\'&'|e | '<b>'|safe | s|center(20) | multi|indent | multi|indent(2, true) | multi|indent(2, blank=true) | 'a\\nb'|indent('> ') | 'foo bar baz qux'|truncate(9) | 'foo bar baz qux'|truncate(9, true) | 'foo bar baz qux'|truncate(11) | 'foo bar baz qux'|truncate(11, false, '...', 0) | 'a b c'|wordcount | 'a b&c/d?é'|urlencode | {'a b': 1, 'c': '&'}|urlencode | '%s-%d-%.2f-%5s|%-5s|%05d|%x|%%|%r' % ('a', 3, 2.345, 'b', 'c', 42, 255, 'q') | '%s' % 5 | '%(a)s' % {'a': 1} | '%s %s'|format('a', 'b') | '%e|%g|%g|%g' % (12345.678, 0.00001, 123456789, 1.50)
d|tojson | mixed|tojson | d|tojson(indent=2) | {'a': {}, 'b': []}|tojson(indent=4) | {'b': 1, 'a': 2}|tojson(sort_keys=true) | [1, 2]|tojson(separators=(',', ':')) | u8|tojson | u8|tojson(ensure_ascii=true) | quote|tojson | '</script>&<>\\'' |tojson | 1.0|tojson | 1e100|tojson | none|tojson | {1: 2, none: 3}|tojson | (1, 2)|tojson | nope|tojson
s is string | n is number | f is float | n is integer | t is boolean | t is integer | d is mapping | l is sequence | s is sequence | d is sequence | l is iterable | n is iterable | range is callable | s is callable | t is true | no is false | 1 is true | n is odd | n is even | n is divisibleby 7 | n is divisibleby(2) | 'ab' is lower | 'AB' is upper | n is eq 7 | n is ne 7 | n is gt 5 | n is in [7] | n is sameas 7 | nil is none | nope is undefined | nope is not defined | not nope is defined | d.zz is defined | d.a is defined | l|map('upper') is iterable | nope is none | nope is string | nope is mapping | nope is sequence | nope is iterable | 'upper' is filter
nope | nope ~ 'x' | nope|length | nope|list | nope|join | nope == nope | nope == none | nope|upper | 'x' in nope | nope or 'y' | (nope) | nope.a | nope['a'] | nope + 1 | nope() | nope < 1 | d.x.y | nil.x | s.foo | l.foo | nil + 'x' | 'x' + 1 | 1 + 'x' | l + 'x' | none|length | 5|length | none in 'x' | 'x' in none | {} + {} | 1 // 0 | 1 / 0 | s|nofilter | s is notest | 'a'.join([1]) | {[1]: 2} | 1 < 'a' | l|sort(attribute='x') | [1, 'a']|sort | raise_exception('my message')
1 ~ 2 ~ none ~ true ~ 2.0 | 'a' 'b' | 'a' ~ 'b' * 2 | -n|abs | (-n)|abs | n|string|length | not n in l | n not in l and t | 2 * -3 | l|length > 2 and s is defined | [l|length, l|sum] | s.split(',')[0].upper()|lower | {'a': 1}.a | {'a': 1}['a'] | [[1, 2], [3]][0][1] | m[0].content[0] | m[-1]['role'] | m|map(attribute='content.0')|list | l.0 | (l|sort)[0] | dict(a=1, b=2) | dict([('x', 1)]) | dict({'a': 1}, b=2) | namespace(a=1).a | l.index(1) | l.count(3) | d.copy() | 'a' is in 'abc' | true is boolean and 1 is number
"\\x41\\u00e9\\U0001F600\\101\\q\\\\n" | 'tab\\there' | 'line\\
continued' | "double 'single'" | 'é' | {'x': 1,} | [1, 2,] | (1,) | 1 if t else 2 if t else 3 | (1 if no else 2 if no else 3) | s|default('x')|upper|replace('H', 'J') | [1,2,3]|map('string')|join('+') | 10 % 3 * 2 | 2 ** 3 ** 2 | 7 - 2 - 1 | 'a' < 'B' | 'é' > 'z' | '👋' > '\\uffee' | 9007199254740993 | 0.1 | 3.0e0 | 1e22 | 1e21 | 123456789012345680.0 | 0.0001 | 0.00001 | f // 1 | -f // 1 | f % 1 | 5 % 0.3 | 2.0 ** 3 | 1.0 is integer
"""

BLOCKS = [
    "{% for x in l %}{{ loop.index }}/{{ loop.length }}:{{ x }}{% if not loop.last %}, {% endif %}{% endfor %}",
    "{% for x in l %}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }} {% endfor %}",
    "{% for x in l %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {{ loop.cycle('a', 'b') }} {{ loop.changed(x > 1) }};{% endfor %}",
    "{% for x in l if x > 1 %}{{ x }}{{ loop.length }}{% else %}none{% endfor %}|{% for x in [] %}x{% else %}none{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}{% for k in d %}{{ k }}{% endfor %}{% for (a, b), c in [((1, 2), 3)] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for x in range(10) %}{% if x == 3 %}{% continue %}{% elif x == 6 %}{% break %}{% endif %}{{ x }}{% endfor %}",
    "{% for n in tree recursive %}{{ n.v }}@{{ loop.depth }}{% if n.c %}[{{ loop(n.c) }}]{% endif %}{% endfor %}",
    "{% set x = 1 %}{% for i in l %}{% set x = x + i %}{{ x }},{% endfor %}{{ x }}",
    "{% set ns = namespace(x=1) %}{% for i in l %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}{{ ns.nope }}",
    "{% if no %}a{% elif t %}b{% else %}c{% endif %}{% if nope %}x{% endif %}{% if t %}{% set y = 5 %}{% endif %}{{ y }}",
    "{% macro f(a, b=2, c=a) %}{{ a }}{{ b }}{{ c }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1) }}|{{ f(1, 3) }}|{{ f(c=9, a=8) }}|{{ f(1, 2, 3, 4, k=5) }}|{{ f.name }}{{ f.arguments }}",
    "{% macro f(a) %}[{{ a }}]{% endmacro %}{{ f() }}{{ f(nope) }}",
    "{% macro f(x) %}<{{ caller(x) }}>{% endmacro %}{% call(y) f(3) %}y={{ y }}{% endcall %}",
    "{% macro f() %}({{ caller() }}){% endmacro %}{% set o = 1 %}{% call f() %}{{ o }}{% endcall %}",
    "{% macro r(n) %}{{ n }}{% if n > 0 %}{{ r(n - 1) }}{% endif %}{% endmacro %}{{ r(5) }}",
    "{% set o = 1 %}{% macro f() %}{{ o }}{% set o = 2 %}{{ o }}{% endmacro %}{{ f() }}{{ o }}{% set o = 3 %}{{ f() }}",
    "{% for i in [1, 2] %}{% macro f() %}{{ i }}{% endmacro %}{{ f() }}{% endfor %}",
    "{% set x %}a{{ n }}b{% endset %}{{ x }}|{% set x | upper | replace('A', 'z') %}a{{ n }}b{% endset %}{{ x }}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set t2 = 1, %}{{ t2 }}{% set (c, e2) = [3, 4] %}{{ c }}{{ e2 }}",
    "{% filter upper %}abc{{ n }}{% endfilter %}{% filter replace('a', 'b') | upper %}aaa{% endfilter %}",
    "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% set c = 3 %}{% endwith %}{{ a }}{{ c }}",
    "{% raw %}{{ x }}{% if %}{# c #}{% endraw %}|{%- raw -%}  a  {%- endraw -%}  b",
    "a  {%- if t -%}  b  {%- endif -%}  c",
    "a  {{- n -}}  b  {#- c -#}  d",
    "line\n    {% if t %}\n    x\n    {% endif %}\nend\n",
    "line\n    {%+ if t %}\n    x\n    {%- endif +%}\nend\n\n",
    "  {% set x = 1 %}  \n  {# comment #}\n  {{ x }}\n",
    "{# a #}\n{# b #} x\n{%- set y = 1 %}\n\n{{ y }}\n   {#- c #}\n z",
    "\t{% for i in l %}\n\t\t{{ i }}\n\t{% endfor %}\nend",
    "a\r\nb\r{% if t %}\r\nc{% endif %}\r\n",
    "{{ {'a': {'b': 1}} }}{{ {'a': {}}}}{{ '}}' }}{{ \"%}\" }}{% set x = {'k': '%}'} %}{{ x }}",
    "{{ l.append(4) }}{{ l }}{% set _ = d.update({'z': 1}) %}{{ d }}{{ l.pop() }}{{ l.pop(0) }}{{ l }}{{ l.insert(0, 9) }}{{ l }}{{ l.extend([5]) }}{{ l }}{{ d.pop('z') }}{{ d.setdefault('q', 1) }}{{ d.pop('nope', 'dflt') }}",
    "{% set g = l | map('string') %}{{ g | join }}{{ g | join }}|{% if m | selectattr('zz') %}always{% endif %}",
    "{% block title %}in block{{ n }}{% endblock %}{% block b2 scoped %}{% endblock b2 %}",
    "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{% set j = joiner(', ') %}{{ j() }}x{{ j() }}y",
    "{{ m | map(attribute='role') | join(',') }}{% for g in m | groupby('role') %}{{ g.grouper }}:{{ g.list | length }};{% endfor %}{% for r, items in m | groupby('role') %}{{ r }}{{ items | length }}{% endfor %}",
    "{% for x in l %}{% for y in l %}{{ loop.index }}{% if y == 1 %}{% break %}{% endif %}{% endfor %}-{% endfor %}",
    "{% if messages is defined and messages[0] %}x{% else %}y{% endif %}{{ 'a' if l else 'b' }}{{ bos_token }}",
    "{%set x=1%}{{x}}{%if x==1%}one{%endif%}{{-x-}} .",
    "{% for a in 'añ👋' %}[{{ a }}]{% endfor %}{% for a in nope %}x{% else %}empty{% endfor %}",
    "{% for a in 5 %}{% endfor %}", "{{ f(1) }}", "{% if %}{% endif %}", "{{ 1 + }}", "{% for x in l %}", "{{ 'abc }}", "{% nope %}", "{# x", "{{ x", "{% endif %}",
    "{{ a b }}", "{% include 'x' %}", "{% set 1 = 2 %}", "{{ [1, 2 }}", "{% raw %} x", "{% break %}", "{% set x.y = 1 %}", "{% macro f(a=1, b) %}{% endmacro %}",
    "{{ '%s' % l }}{{ '%d items' % (l | length) }}{{ '%-10s|' % s[:3] }}", "{{ u8 | title }}{{ u8 | capitalize }}{{ u8 | upper }}{{ u8 | center(15) }}|",
    "{{- '' }}  x {{ '' -}}  \n y", "{%- for x in l -%}\n {{ x }}\n{%- endfor %}\n\n", "x\n\n\n", "\n", "", "   {%- if t %} \n a {% endif -%} \n b",
    "{% set content = 'a</think>b' %}{{ content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') }}",
    "{% set x = none %}{{ x is none }}{{ x }}{{ [x, true] }}{{ x == none }}{{ x or 'y' }}",
    "{% for message in m %}{% set role = message['role'] if message.role != 'user' else 'U' %}{{ role + ':' + message.content | trim + '\\n' }}{% endfor %}",
    "{{ 'x' if nope is defined and nope.y }}{{ nope is defined and nope.y }}",
    "{{ (s | length) ~ ':' ~ s }}{{ s | length ~ ':' }}", "{{ l | map('abs') | sum }}",
    "{% generation %}x{{ n }}{% endgeneration %}",
]


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def main():
    env = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, Generation])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    templates = ["{{ %s }}" % e.strip() for line in split_lines(EXPRESSIONS) for e in split(line)] + BLOCKS
    with open("variables.json", "w") as out:
        json.dump(VARIABLES, out, ensure_ascii=False)
    with open("jinja-cases.jsonl", "w") as out:
        for template in templates:
            case = {"template": template}
            try:
                case["expected"] = env.from_string(template).render(**json.loads(json.dumps(VARIABLES)))
            except Exception as error:
                case["error"] = type(error).__name__ + ": " + str(error)
            out.write(json.dumps(case, ensure_ascii=False) + "\n")
    print(len(templates), "cases")


def split_lines(text):
    return [line for line in text.replace("\\\n", "\x00").split("\n") if line.strip()]


def split(line):
    """Expressions are separated by ' | ' (a filter has no blanks around its bar)."""
    return [part.replace("\x00", "\\\n") for part in line.split(" | ")]


main()
