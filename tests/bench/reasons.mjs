// tests/bench/reasons.mjs: why a create runs each of its statements. One without a reason is shown as such, and should go.

const reasons = [
  [/^\s*SELECT u\.id, u\.login/, 'who asks: session, user, positions and roles, as of this unit'],
  [/^SAVEPOINT unit|^RELEASE unit/, 'the unit of this request inside the group'],
  [/^SAVEPOINT mark|^RELEASE mark/, 'the reaction, undone alone when it fails'],
  [/^BEGIN|^COMMIT/, 'the group, shared'],
  [/FROM "product"/, 'the reference given: does it exist, may the actor see it; and the fact of the decision'],
  [/FROM "position"/, 'the position assigned, and the check of the reference when it is set'],
  [/FROM "unit"/, 'the check of the reference to the unit'],
  [/FROM "lead"/, 'the record before the move, and as it stands for the answer'],
  [/^INSERT INTO "lead"/, 'the record'],
  [/^UPDATE "lead"/, 'the move by the reaction'],
  [/^INSERT INTO change/, 'the change log: one row for the create, one for the move'],
  [/^\s*INSERT INTO decision/, 'the decision with its facts'],
  [/^\s*SELECT p\.id, coalesce/, 'the candidates and what each has taken'],
  [/^\s*INSERT INTO assignment_seat/, 'the seat taken'],
  [/^\s*INSERT INTO assignment /, 'the step of the assignment, with its figures'],
];

export const reason_of = (sql) => reasons.find(([pattern]) => pattern.test(sql))?.[1] ?? 'no reason known';
