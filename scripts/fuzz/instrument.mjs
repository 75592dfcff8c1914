// @ts-check
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import { inRepository } from '../setup/repository.mjs';

/** @typedef {{ counters: number, strings: string[], numbers: number[] }} Instrumented */

const { factory } = ts;

/** The global name of the counters in the instrumented files; whoever runs the files sets it first. */
export const COUNTERS = '__fuzzCounters';

/**
 * Compiles a part of `lib/` into `folder`, in the same layout. In files that `isCounted` accepts, every branch counts
 * in `globalThis[COUNTERS]` how often it is taken. Returns the number of counters, and the strings and numbers in these
 * files: a random input has little chance of hitting on those by itself.
 * @param {string} folder @param {readonly string[]} parts below `lib/` @param {(path: string) => boolean} isCounted
 * @returns {Instrumented}
 */
export function instrument(folder, parts, isCounted) {
  rmSync(folder, { recursive: true, force: true });
  const counting = new Counting();
  for (const path of parts.flatMap(sourcesOf)) {
    const { outputText } = ts.transpileModule(readFileSync(inRepository('lib', path), 'utf8'), {
      compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023, verbatimModuleSyntax: true },
      transformers: { before: isCounted(path) ? [(context) => (file) => counting.file(context, file)] : [] },
    });
    const target = join(folder, path.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, `const ${COUNTERS} = globalThis.${COUNTERS};\n${outputText}`);
  }
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  return { counters: counting.counters, strings: [...counting.strings], numbers: [...counting.numbers] };
}

/** @param {string} part a file or folder below `lib/` */
function sourcesOf(part) {
  if (part.endsWith('.ts')) return [part];
  const names = readdirSync(inRepository('lib', part), { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.ts')).map((name) => relative('.', join(part, name)));
}

class Counting {
  counters = 0;
  /** @type {Set<string>} */
  strings = new Set();
  /** @type {Set<number>} */
  numbers = new Set();

  /** @param {ts.TransformationContext} context @param {ts.SourceFile} file */
  file(context, file) {
    /** @type {(node: ts.Node) => ts.Node} */
    const visit = (node) => {
      this.#collect(node);
      return this.#counted(ts.visitEachChild(node, visit, context));
    };
    return /** @type {ts.SourceFile} */ (visit(file));
  }

  /** @param {ts.Node} node */
  #collect(node) {
    if (ts.isStringLiteral(node) && !ts.isImportDeclaration(node.parent)) this.strings.add(node.text);
    if (ts.isNumericLiteral(node)) this.numbers.add(Number(node.text));
    if (ts.isBigIntLiteral(node)) this.numbers.add(Number(node.text.slice(0, -1)));
  }

  /** @param {ts.Node} node */
  #counted(node) {
    if (ts.isIfStatement(node)) {
      const otherwise = this.#block(node.elseStatement ?? factory.createBlock([]));
      return factory.updateIfStatement(node, node.expression, this.#block(node.thenStatement), otherwise);
    }
    if (ts.isConditionalExpression(node)) {
      const [whenTrue, whenFalse] = [this.#value(node.whenTrue), this.#value(node.whenFalse)];
      const { condition, questionToken, colonToken } = node;
      return factory.updateConditionalExpression(node, condition, questionToken, whenTrue, colonToken, whenFalse);
    }
    if (ts.isBinaryExpression(node) && SHORT_CIRCUITS.has(node.operatorToken.kind)) {
      return factory.updateBinaryExpression(node, node.left, node.operatorToken, this.#value(node.right));
    }
    if (ts.isCaseClause(node)) {
      return factory.updateCaseClause(node, node.expression, [this.#count(), ...node.statements]);
    }
    if (ts.isDefaultClause(node)) return factory.updateDefaultClause(node, [this.#count(), ...node.statements]);
    if (ts.isArrowFunction(node) && !ts.isBlock(node.body)) {
      const { modifiers, typeParameters, parameters, type, equalsGreaterThanToken } = node;
      const body = this.#value(node.body);
      return factory.updateArrowFunction(
        ...[node, modifiers, typeParameters, parameters, type, equalsGreaterThanToken, body],
      );
    }
    if (ts.isBlock(node) && !(node.parent && ts.isIfStatement(node.parent))) return this.#block(node);
    return node;
  }

  #count() {
    return factory.createExpressionStatement(this.#counter());
  }

  #counter() {
    const counter = factory.createElementAccessExpression(factory.createIdentifier(COUNTERS), this.counters++);
    return factory.createPostfixUnaryExpression(counter, ts.SyntaxKind.PlusPlusToken);
  }

  /** @param {ts.Statement} statement */
  #block(statement) {
    const statements = ts.isBlock(statement) ? [...statement.statements] : [statement];
    return factory.createBlock([this.#count(), ...statements], true);
  }

  /** @param {ts.Expression} expression */
  #value(expression) {
    const counted = factory.createBinaryExpression(this.#counter(), ts.SyntaxKind.CommaToken, expression);
    return factory.createParenthesizedExpression(counted);
  }
}

const SHORT_CIRCUITS = new Set([
  ts.SyntaxKind.AmpersandAmpersandToken,
  ts.SyntaxKind.BarBarToken,
  ts.SyntaxKind.QuestionQuestionToken,
]);
