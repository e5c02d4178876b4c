"""One source file with all its mutants in it, each behind a switch.

A mutant becomes an arm of a `match` on the mutant that is on, and what stands in the file is the arm of all
others. The comments `/*<7*/ .. /*7>*/` around it tell later which mutant the compiler does not like.
"""

import collections
import re

import tree_sitter
import tree_sitter_rust

PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_rust.language()))


class Source:
    """A file, its syntax tree, and at which node each mutant belongs."""

    def __init__(self, text, mutants, constants, needed):
        self.text = text.encode()
        self.root = PARSER.parse(self.text).root_node
        # The names of constants that must be functions, because a constant cannot be switched.
        self.constants = constants
        # The names of functions that constants need, which must be as they are.
        self.needed = needed
        # Mutants that cannot be switched, and why.
        self.left_out = {}
        self.at = collections.defaultdict(list)
        lines = [0]
        for line in text.splitlines(keepends=True):
            lines.append(lines[-1] + len(line))
        for mutant in mutants:
            begin, end = (
                len(text[: lines[place["line"] - 1] + place["column"] - 1].encode())
                for place in (mutant["span"]["start"], mutant["span"]["end"])
            )
            node = self.place(mutant, begin, end)
            if node is not None:
                self.at[key(node) + (mutant["genre"],)].append(mutant)

    def place(self, mutant, begin, end):
        inner = self.root.descendant_for_byte_range(begin, end - 1)
        constant = above(inner, "const_item", "static_item")
        if constant is not None and self.string(constant.child_by_field_name("name")) not in self.constants:
            return self.leave_out(mutant, "constant")
        function = above(inner, "function_item")
        if function is not None and self.is_constant(function) and self.name(function) in self.needed:
            return self.leave_out(mutant, "constant")
        if above(inner, "array_type") is not None:
            return self.leave_out(mutant, "constant")
        if function is not None and self.is_left_out(function):
            return self.leave_out(mutant, "not compiled")
        match mutant["genre"]:
            case "FnValue":
                outer = self.root.descendant_for_byte_range(begin, end)
                while outer is not None and not (
                    outer.type == "block" and outer.parent.type == "function_item"
                ):
                    outer = outer.parent
                return outer or self.leave_out(mutant, "no body")
            case "BinaryOperator":
                # Between the links of a `let` chain there is no `||` in the language.
                if inner.parent.type == "let_chain":
                    return self.leave_out(mutant, "does not compile")
                outer = above(inner, "binary_expression", "compound_assignment_expr")
            case "UnaryOperator":
                outer = above(inner, "unary_expression")
            case "MatchArm":
                outer = above(inner, "match_arm")
            case "MatchArmGuard":
                outer = self.root.descendant_for_byte_range(begin, end - 1)
                while outer is not None and key(outer) != (begin, end):
                    outer = outer.parent
            case "StructField":
                outer = above(inner, "field_initializer", "shorthand_field_initializer")
            case other:
                return self.leave_out(mutant, f"unknown genre {other}")
        return outer or self.leave_out(mutant, "no place")

    def leave_out(self, mutant, why):
        self.left_out[mutant["id"]] = why

    def string(self, node):
        return self.text[node.start_byte : node.end_byte].decode()

    def render(self, node=None):
        node = node or self.root
        guards = self.at.pop(key(node) + ("MatchArmGuard",), [])
        if guards and node.parent.type == "match_pattern":
            # A guard may be an operator at the same time.
            return choice([(it, it["replacement"]) for it in guards], self.render(node))
        match node.type:
            case "binary_expression" | "compound_assignment_expr":
                if mutants := self.mutants(node, "BinaryOperator"):
                    return self.binary(node, mutants)
            case "unary_expression":
                if mutants := self.mutants(node, "UnaryOperator"):
                    return self.unary(node, *mutants)
            case "match_arm":
                if mutants := self.mutants(node, "MatchArm"):
                    return self.arm(node, *mutants)
            case "field_initializer" | "shorthand_field_initializer":
                if mutants := self.mutants(node, "StructField"):
                    return self.field(node, *mutants)
            case "block":
                if mutants := self.mutants(node, "FnValue"):
                    return self.body(node, mutants)
            case "const_item":
                if self.name(node) in self.constants:
                    return self.function_of(node)
            case "function_modifiers":
                if self.has_mutants(node.parent):
                    return self.string(node).replace("const", "").strip()
            case "identifier":
                if self.string(node) in self.constants:
                    return self.call(node)
        return self.children(node)

    def mutants(self, node, genre):
        return self.at.get(key(node) + (genre,), [])

    def has_mutants(self, node):
        return any(begin >= node.start_byte and end <= node.end_byte for begin, end, _ in self.at)

    def is_left_out(self, function):
        attribute = function.prev_sibling
        while attribute is not None and attribute.type in ("attribute_item", "line_comment"):
            if self.string(attribute) in ("#[cfg(not(unix))]", "#[cfg(canary)]"):
                return True
            attribute = attribute.prev_sibling
        return False

    def is_constant(self, function):
        return any(it.type == "function_modifiers" and "const" in self.string(it) for it in function.children)

    def plain(self, node):
        """With no mutant in it."""
        at, self.at = self.at, {}
        try:
            return self.render(node)
        finally:
            self.at = at

    def children(self, node):
        if not node.children:
            return self.string(node)
        parts, position = [], node.start_byte
        for child in node.children:
            parts += [self.text[position : child.start_byte].decode(), self.render(child)]
            position = child.end_byte
        return "".join(parts) + self.text[position : node.end_byte].decode()

    def binary(self, node, mutants):
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        operator = self.string(node.child_by_field_name("operator"))
        return choice(
            [(it, f"{self.plain(left)} {it['replacement']} {self.plain(right)}") for it in mutants],
            f"{self.render(left)} {operator} {self.render(right)}",
        )

    def unary(self, node, mutant):
        operator, operand = node.children[0], node.children[-1]
        return choice([(mutant, self.plain(operand))], self.string(operator) + self.render(operand))

    def arm(self, node, mutant):
        """An arm that is not there is one that never matches."""
        pattern = node.child_by_field_name("pattern")
        rest = self.render_between(pattern.end_byte, node)
        guard = marked(mutant, f"{selected([mutant])} != {mutant['id']}")
        condition = pattern.child_by_field_name("condition")
        if condition is not None:
            before = self.text[node.start_byte : condition.start_byte].decode()
            return f"{before}{guard} && ({self.render(condition)}){rest}"
        return f"{self.text[node.start_byte : pattern.end_byte].decode()} if {guard}{rest}"

    def render_between(self, position, node):
        parts = []
        for child in node.children:
            if child.start_byte >= position:
                parts += [self.text[position : child.start_byte].decode(), self.render(child)]
                position = child.end_byte
        return "".join(parts)

    def field(self, node, mutant):
        (base,) = (it for it in node.parent.children if it.type == "base_field_initializer")
        base = self.plain(base).removeprefix("..")
        name = node.child_by_field_name("field")
        name, value = (self.string(node),) * 2 if name is None else (
            self.string(name), self.render(node.child_by_field_name("value")))
        struct = self.string(node.parent.parent.child_by_field_name("name"))
        base = base.replace("<_>::default()", f"{struct}::default()")
        return f"{name}: {choice([(mutant, f'({base}).{name}')], value)}"

    def body(self, node, mutants):
        text = self.children(node)
        result = node.parent.child_by_field_name("return_type")
        if result is not None and result.type == "abstract_type":
            return iterator(text, mutants)
        arms = "".join(f"{it['id']} => {{{marked(it, 'return ' + it['replacement'] + ';')}}} " for it in mutants)
        return f"{{ match {selected(mutants)} {{ {arms}_ => {{}} }} {text.removeprefix('{')}"

    def name(self, node):
        return self.string(node.child_by_field_name("name"))

    def function_of(self, node):
        visibility = "".join(self.string(it) + " " for it in node.children if it.type == "visibility_modifier")
        type_of = self.string(node.child_by_field_name("type"))
        value = self.render(node.child_by_field_name("value"))
        return f"{visibility}fn {self.name(node)}() -> {type_of} {{ {value} }}"

    def call(self, node):
        if above(node, "use_declaration") is not None:
            return self.string(node)
        return self.string(node) + "()"


def iterator(text, mutants):
    """An opaque type has one type behind it, also with a mutant in it: an iterator over other items."""
    for it in mutants:
        on = f"{selected([it])} == {it['id']}"
        text = f"({text}).filter(move |_| !({on}))"
        item = re.fullmatch(r"::std::iter::once\((.*)\)", it["replacement"])
        if item is not None:
            items = f"({on}).then(|| {item[1]})"
            text += f".chain({marked(it, items)})"
    return f"{{ {text} }}"


def choice(mutants, original):
    arms = "".join(f"{it['id']} => {{{marked(it, text)}}} " for it, text in mutants)
    return f"(match {selected([it for it, _ in mutants])} {{ {arms}_ => {{{original}}} }})"


def selected(mutants):
    return "crate::mutant::at(&[" + ",".join(str(it["id"]) for it in mutants) + "])"


def marked(mutant, text):
    return f"/*<{mutant['id']}*/{text}/*{mutant['id']}>*/"


def mutant_at(text, position):
    """The innermost mutant around a place in a rendered file."""
    for begin in reversed(list(re.finditer(rb"/\*<(\d+)\*/", text[: position + 1]))):
        if text.find(b"/*%s>*/" % begin[1], begin.start()) >= position:
            return int(begin[1])
    return None


def key(node):
    return node.start_byte, node.end_byte


def above(node, *kinds):
    while node is not None and node.type not in kinds:
        node = node.parent
    return node


def constants(text):
    """The constants of a file that are no trait's: the name of each, and its lines."""
    rest = [PARSER.parse(text.encode()).root_node]
    while rest:
        node = rest.pop()
        if node.type == "const_item":
            lines = range(node.start_point.row + 1, node.end_point.row + 2)
            yield node.child_by_field_name("name").text.decode(), lines
        rest += [it for it in node.children if it.child_by_field_name("trait") is None or it.type != "impl_item"]
