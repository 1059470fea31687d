/** How often fields left their wish and came back: what agrees now has no drift entry that could hold the count. */
export const FLAPPED_0006 = `
CREATE TABLE flapped (
  thing TEXT NOT NULL,
  shadow TEXT NOT NULL,
  field TEXT NOT NULL,
  flaps INTEGER NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (thing, shadow, field)
) WITHOUT ROWID;
`;
