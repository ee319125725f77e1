package dev.juggler.engine.template.jinja;

import dev.juggler.engine.template.jinja.Statement.Signature;
import dev.juggler.engine.template.jinja.Statement.Target;
import dev.juggler.engine.template.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Makes statement trees. */
final class StatementParser {
    private static final int DEEPEST = 100;

    private final TokenStream tokens;
    private final ExpressionParser expressions;
    private int depth;
    private int loops;

    private StatementParser(TokenStream tokens) {
        this.tokens = tokens;
        this.expressions = new ExpressionParser(tokens);
    }

    static List<Statement> parse(String template) {
        StatementParser parser =
                new StatementParser(new TokenStream(TemplateLexer.tokens(template)));
        List<Statement> statements = parser.body(Set.of());
        if (!parser.tokens.at(Kind.END)) {
            throw parser.tokens.unexpected("the end of the template");
        }
        return statements;
    }

    /** Statements up to a tag with one of these names, whose beginning is read; its name is not. */
    private List<Statement> body(Set<String> endings) {
        if (++depth > DEEPEST) {
            throw TemplateException.syntax(
                    tokens.peek().line(), "blocks are nested more than " + DEEPEST + " deep");
        }
        List<Statement> statements = new ArrayList<>();
        while (true) {
            Token token = tokens.take();
            switch (token.kind()) {
                case TEXT -> statements.add(new Statement.Text(token.text(), token.line()));
                case OUTPUT_BEGIN -> {
                    Expression value = expressions.tupleOrSingle();
                    tokens.expect(Kind.OUTPUT_END, "'}}'");
                    statements.add(new Statement.Output(value, token.line()));
                }
                case BLOCK_BEGIN -> {
                    if (tokens.at(Kind.NAME) && endings.contains(tokens.peek().text())) {
                        depth--;
                        return statements;
                    }
                    statement(statements);
                }
                default -> {
                    if (!endings.isEmpty()) {
                        throw TemplateException.syntax(
                                token.line(),
                                "expected a tag of "
                                        + String.join(", ", endings.stream().sorted().toList())
                                        + ", found "
                                        + token.describe());
                    }
                    depth--;
                    return statements;
                }
            }
        }
    }

    private void statement(List<Statement> into) {
        int line = tokens.peek().line();
        String tag = tokens.expectName();
        switch (tag) {
            case "if" -> into.add(conditional(line));
            case "for" -> into.add(loop(line));
            case "set" -> into.add(assignment(line));
            case "macro" -> into.add(macro(line));
            case "call" -> into.add(call(line));
            case "filter" -> into.add(filter(line));
            case "with" -> into.add(with(line));
            case "do" -> into.add(new Statement.Evaluation(lastExpression(), line));
            case "generation" -> into.add(transparent("endgeneration", line));
            case "block" -> {
                tokens.expectName();
                tokens.skipName("scoped");
                into.add(transparent("endblock", line));
            }
            case "autoescape" -> {
                expressions.expression();
                into.add(transparent("endautoescape", line));
            }
            case "break" -> into.add(jump(new Statement.Break(line)));
            case "continue" -> into.add(jump(new Statement.Continue(line)));
            case "include", "import", "from", "extends" ->
                    throw TemplateException.syntax(
                            line,
                            "'"
                                    + tag
                                    + "' is not possible, a chat template stands alone; put the other template's text in its place");
            default -> throw TemplateException.syntax(line, "there is no tag '" + tag + "' here");
        }
    }

    private Expression lastExpression() {
        Expression value = expressions.tupleOrSingle();
        endTag();
        return value;
    }

    private void endTag() {
        tokens.expect(Kind.BLOCK_END, "'%}'");
    }

    private List<Statement> bodyTo(String ending) {
        List<Statement> statements = body(Set.of(ending));
        tokens.expectName(ending);
        if (ending.equals("endmacro") || ending.equals("endblock")) {
            if (tokens.at(Kind.NAME)) {
                tokens.take();
            }
        }
        endTag();
        return statements;
    }

    private Statement conditional(int line) {
        Expression condition = lastExpression();
        List<Statement> then = body(Set.of("elif", "else", "endif"));
        List<Statement> otherwise = List.of();
        int next = tokens.peek().line();
        if (tokens.skipName("elif")) {
            otherwise = List.of(conditional(next));
        } else if (tokens.skipName("else")) {
            endTag();
            otherwise = bodyTo("endif");
        } else {
            tokens.expectName("endif");
            endTag();
        }
        return new Statement.If(condition, then, otherwise, line);
    }

    private Statement loop(int line) {
        Target target = target();
        tokens.expectName("in");
        Expression items = itemsOfLoop();
        @Nullable Expression condition = tokens.skipName("if") ? expressions.expression() : null;
        boolean recursive = tokens.skipName("recursive");
        endTag();
        loops++;
        List<Statement> body = body(Set.of("else", "endfor"));
        loops--;
        List<Statement> otherwise = List.of();
        if (tokens.skipName("else")) {
            endTag();
            otherwise = bodyTo("endfor");
        } else {
            tokens.expectName("endfor");
            endTag();
        }
        return new Statement.For(target, items, condition, recursive, body, otherwise, line);
    }

    /** What a loop goes over: without an {@code if} of its own, that is the loop's. */
    private Expression itemsOfLoop() {
        List<Expression> items = new ArrayList<>(List.of(expressions.or()));
        while (tokens.skipOperator(",") && !tokens.at(Kind.BLOCK_END)) {
            items.add(expressions.or());
        }
        return items.size() == 1 ? items.getFirst() : new Expression.TupleOf(items);
    }

    private Statement assignment(int line) {
        Target target = target();
        if (tokens.skipOperator("=")) {
            return new Statement.Set(target, lastExpression(), line);
        }
        Expression value = expressions.filters(new Expression.Name(Statement.CAPTURED));
        endTag();
        return new Statement.SetBlock(target, bodyTo("endset"), value, line);
    }

    private Target target() {
        List<Target> targets = new ArrayList<>(List.of(singleTarget()));
        boolean several = false;
        while (tokens.skipOperator(",")) {
            several = true;
            if (!tokens.at(Kind.NAME) && !tokens.atOperator("(")) {
                break;
            }
            if (tokens.atName("in")) {
                break;
            }
            targets.add(singleTarget());
        }
        return several ? new Target.Several(targets) : targets.getFirst();
    }

    private Target singleTarget() {
        if (tokens.skipOperator("(")) {
            Target inner = target();
            tokens.expectOperator(")");
            return inner;
        }
        String name = tokens.expectName();
        return tokens.skipOperator(".")
                ? new Target.Member(name, tokens.expectName())
                : new Target.Variable(name);
    }

    private Signature signature() {
        tokens.expectOperator("(");
        List<String> names = new ArrayList<>();
        List<Expression> defaults = new ArrayList<>();
        while (!tokens.skipOperator(")")) {
            names.add(tokens.expectName());
            if (tokens.skipOperator("=")) {
                defaults.add(expressions.expression());
            } else if (!defaults.isEmpty()) {
                throw tokens.unexpected("a default for the parameter");
            }
            if (!tokens.atOperator(")")) {
                tokens.expectOperator(",");
            }
        }
        return new Signature(names, defaults);
    }

    private Statement macro(int line) {
        String name = tokens.expectName();
        Signature signature = signature();
        endTag();
        return new Statement.MacroDefinition(name, signature, outsideLoops("endmacro"), line);
    }

    private Statement call(int line) {
        Signature signature = tokens.atOperator("(") ? signature() : Signature.NONE;
        Expression value = expressions.expression();
        if (!(value instanceof Expression.Call call)) {
            throw TemplateException.syntax(line, "'call' needs a call of a macro");
        }
        endTag();
        return new Statement.CallBlock(call, signature, outsideLoops("endcall"), line);
    }

    private List<Statement> outsideLoops(String ending) {
        int around = loops;
        loops = 0;
        List<Statement> body = bodyTo(ending);
        loops = around;
        return body;
    }

    private Statement filter(int line) {
        Expression value =
                expressions.filters(expressions.filter(new Expression.Name(Statement.CAPTURED)));
        endTag();
        return new Statement.FilterBlock(bodyTo("endfilter"), value, line);
    }

    private Statement with(int line) {
        List<Statement.Set> assignments = new ArrayList<>();
        while (!tokens.at(Kind.BLOCK_END)) {
            Target target = target();
            tokens.expectOperator("=");
            assignments.add(new Statement.Set(target, expressions.expression(), line));
            if (!tokens.at(Kind.BLOCK_END)) {
                tokens.expectOperator(",");
            }
        }
        endTag();
        return new Statement.With(assignments, bodyTo("endwith"), line);
    }

    /** A block that only has variables of its own. */
    private Statement transparent(String ending, int line) {
        endTag();
        return new Statement.With(List.of(), bodyTo(ending), line);
    }

    private Statement jump(Statement jump) {
        if (loops == 0) {
            throw TemplateException.syntax(
                    jump.line(), "'break' and 'continue' belong inside a 'for' block");
        }
        endTag();
        return jump;
    }
}
