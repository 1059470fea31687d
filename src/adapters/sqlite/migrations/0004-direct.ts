/** Of each sequence of direct commands, the last number that the thing has done. */
export const DIRECT_0004 = `
CREATE TABLE direct_sequence (
  thing TEXT NOT NULL,
  key TEXT NOT NULL,
  number INTEGER NOT NULL,
  PRIMARY KEY (thing, key)
) WITHOUT ROWID;
`;
