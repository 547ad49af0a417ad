use super::*;

const PATH: &str = "ledger.db";
const FIRST: &str = "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1);";
const SECOND: &str = "ALTER TABLE a ADD COLUMN y INTEGER; UPDATE a SET y = x + 1;";

fn apply(connection: &mut Connection, steps: &[&str]) -> Result<(), LedgerError> {
    run_steps(connection, Path::new(PATH), steps)
}

fn y(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT y FROM a", [], |row| row.get(0))
}

#[test]
fn only_missing_steps_are_taken() {
    let mut connection = Connection::open_in_memory().unwrap();
    apply(&mut connection, &[FIRST]).unwrap();
    assert_eq!(form(&connection), Ok(1));
    // The first step would fail a second time.
    apply(&mut connection, &[FIRST, SECOND]).unwrap();
    assert_eq!(form(&connection), Ok(2));
    assert_eq!(y(&connection), Ok(2));
    apply(&mut connection, &[FIRST, SECOND]).unwrap();
}

#[test]
fn a_failed_step_leaves_the_form_that_was() {
    let mut connection = Connection::open_in_memory().unwrap();
    apply(&mut connection, &[FIRST]).unwrap();
    apply(&mut connection, &[FIRST, SECOND, "DROP TABLE nothing"]).expect_err("no such table");
    assert_eq!(form(&connection), Ok(1));
    assert!(y(&connection).is_err(), "the second step is undone, too");
    apply(&mut connection, &[FIRST, SECOND]).unwrap();
}

#[test]
fn a_later_form_is_left_alone() {
    for found in [2, 1000, -1] {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", found).unwrap();
        let error = apply(&mut connection, &[FIRST]).expect_err("unknown");
        assert!(matches!(error, LedgerError::TooNew { found: told, known: 1, .. } if told == found), "{error}");
        assert_eq!(form(&connection), Ok(found));
    }
}
