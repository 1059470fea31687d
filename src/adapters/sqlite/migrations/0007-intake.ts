/**
 * Where small commits stand until they are filed, in the order they were made: `changes` is a JSON array of commits, each
 * an array of ledger changes. Empty after an orderly stop.
 */
export const INTAKE_0007 = `
CREATE TABLE intake (number INTEGER PRIMARY KEY, changes TEXT NOT NULL);
`;
