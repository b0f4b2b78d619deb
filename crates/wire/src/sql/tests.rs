//! What statements do, and what nobody may make this reader believe.

use super::Dialect::{MySql, Postgres};
use super::*;

/// The classes of a text, as words.
fn words(dialect: Dialect, text: &str) -> String {
    let classes = classify(dialect, text).classes;
    let names: Vec<String> =
        classes.iter().map(|class| format!("{class:?}").to_lowercase()).collect();
    names.join(" ")
}

/// Lines `classes: text`, each of which must hold.
fn hold(dialect: Dialect, lines: &str) {
    let mut wrong = Vec::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (expected, text) = line.split_once(": ").unwrap();
        let found = words(dialect, text);
        if found != expected {
            wrong.push(format!("{text}\n   is {found}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
#[expect(clippy::too_many_lines, reason = "a line for each statement")]
fn postgres_statements_are_known_by_kind() {
    hold(
        Postgres,
        r#"
        read: SELECT * FROM t WHERE a = $1 AND b IN (1, 2, 3) ORDER BY c LIMIT 10
        read: select a, count(*) from t join u using (id) group by 1 having count(*) > 1
        read: SELECT a->>'x', b @> '{}'::jsonb, c::int[] FROM t WHERE d ~ 'x' AND e IS NOT NULL
        read: WITH a AS (SELECT 1), b AS (SELECT 2) SELECT * FROM a UNION ALL SELECT * FROM b
        read: WITH RECURSIVE r(n) AS (VALUES (1) UNION ALL SELECT n+1 FROM r WHERE n < 100) SELECT sum(n) FROM r
        read: VALUES (1, 'a'), (2, 'b')
        read: TABLE accounts
        read: (SELECT 1) UNION (SELECT 2)
        read: SELECT replace(a, 'x', 'y'), "update", t.delete FROM t
        read: SELECT E'it\'s' || $$a ' b$$ || U.x FROM U
        read: SELECT 'a' /* b /* c */ ; DROP */ || 'd' -- ; DROP TABLE t
        read: SELECT interval '1 day', date '2020-01-01', array[1,2], (a).b, x'1f', 1e5, .5, 0x1f FROM t
        read: SELECT DISTINCT ON (a) a, count(*) FILTER (WHERE c), sum(d) OVER (PARTITION BY e) FROM t, LATERAL (SELECT 1) x
        read: SHOW search_path
        read: FETCH ALL FROM "c"
        read: EXPLAIN SELECT 1
        read: EXPLAIN (VERBOSE, COSTS off) DELETE FROM t
        read: EXPLAIN (ANALYZE, BUFFERS) SELECT 1
        read write: SELECT * FROM t FOR UPDATE
        read write: SELECT * FROM t FOR NO KEY UPDATE SKIP LOCKED
        read write: SELECT * FROM (SELECT * FROM t FOR SHARE) x
        ddl read write: SELECT * INTO u FROM t
        read write: WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone
        read write: WITH a AS MATERIALIZED (INSERT INTO t VALUES (1) RETURNING id) SELECT * FROM a
        read write: WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a
        read write: WITH a AS (WITH b AS (UPDATE t SET x = 1 RETURNING *) SELECT * FROM b) SELECT 1
        read write: EXPLAIN ANALYZE DELETE FROM t
        read write: EXPLAIN (ANALYZE true) INSERT INTO t VALUES (1)
        read write: explain (costs off, analyze) update t set a = 1
        write: INSERT INTO t (a, b) VALUES ($1, $2), (3, 4) ON CONFLICT (a) DO UPDATE SET b = excluded.b RETURNING id
        read write: INSERT INTO t SELECT * FROM u
        write: UPDATE t SET a = a + 1 WHERE id = 1
        write: DELETE FROM t USING u WHERE t.id = u.id
        write: MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN DELETE
        write: REFRESH MATERIALIZED VIEW v
        ddl write: TRUNCATE t, u
        copy write: COPY t (a, b) FROM STDIN WITH (FORMAT csv)
        copy read: COPY t TO STDOUT
        copy read: COPY (SELECT a FROM t WHERE b = 'FROM') TO STDOUT
        copy read write: COPY (DELETE FROM t RETURNING *) TO STDOUT
        copy file write: COPY t FROM '/etc/passwd'
        copy file read: COPY t TO PROGRAM 'curl x'
        copy file write: COPY t FROM PROGRAM 'id'
        call: DO $$ BEGIN DELETE FROM t; END $$
        call: CALL p(1)
        call: EXECUTE s(1)
        read session: PREPARE s AS SELECT $1
        session write: PREPARE s (int) AS DELETE FROM t WHERE id = $1
        read session: DECLARE c CURSOR FOR SELECT 1
        transaction: BEGIN
        transaction: START TRANSACTION ISOLATION LEVEL SERIALIZABLE READ ONLY
        transaction write: BEGIN READ WRITE
        transaction write: START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ WRITE
        transaction write: SET TRANSACTION READ /**/ WRITE
        transaction write: SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE
        transaction: ROLLBACK TO SAVEPOINT a
        transaction: PREPARE TRANSACTION 'x'
        session: SET search_path TO a, b
        session: SET LOCAL statement_timeout = '1s'
        session: SET client_encoding TO 'UTF8'
        session unknown: SET client_encoding TO 'SJIS'
        session unknown: SET NAMES 'GBK'
        session unknown: SET standard_conforming_strings = off
        session write: SET default_transaction_read_only = off
        session write: SET SESSION "transaction_read_only" TO false
        session write: RESET default_transaction_read_only
        session: RESET ALL
        session: DISCARD ALL
        grant session write: SET ROLE postgres
        grant session write: SET LOCAL ROLE postgres
        grant session write: SET SESSION AUTHORIZATION DEFAULT
        grant session write: SET SESSION ROLE x
        read session write: SELECT set_config('default_transaction_read_only', 'off', false)
        session: LISTEN x
        ddl: CREATE TABLE t (a int PRIMARY KEY, b text DEFAULT 'x')
        ddl read write: CREATE TABLE t AS SELECT * FROM u
        ddl: CREATE INDEX CONCURRENTLY i ON t (a)
        ddl: CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$
        ddl: ALTER TABLE t ADD COLUMN c int
        ddl grant: ALTER TABLE t OWNER TO bob
        ddl grant: CREATE POLICY p ON t USING (a = 1)
        admin ddl: CREATE EXTENSION dblink
        ddl: DROP TABLE IF EXISTS t CASCADE
        grant: CREATE ROLE bob SUPERUSER
        grant: ALTER USER bob PASSWORD 'x'
        grant: DROP OWNED BY bob
        ddl grant: ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO bob
        ddl grant: CREATE SCHEMA s CREATE TABLE t (a int) GRANT ALL ON t TO bob
        grant: GRANT SELECT ON t TO bob
        grant: REASSIGN OWNED BY a TO b
        admin: ALTER SYSTEM SET x = 1
        admin: VACUUM FULL t
        admin: CHECKPOINT
        admin file: LOAD 'evil.so'
        transaction: LOCK TABLE t IN ACCESS SHARE MODE
        transaction write: LOCK TABLE t
        file read: SELECT pg_read_file('/etc/passwd')
        file read: SELECT pg_catalog . "pg_read_file" /* x */ ('a')
        file read: SELECT lo_import('/etc/passwd')
        admin read: SELECT pg_terminate_backend(1)
        call read: SELECT * FROM dblink('x', 'DELETE FROM t') AS t(a int)
        read write: SELECT nextval('s')
        read write: SELECT 1; DELETE FROM t
        ddl read: SELECT 1;; ;DROP TABLE t;
        "#,
    );
}

#[test]
fn mysql_statements_are_known_by_kind() {
    hold(
        MySql,
        r#"
        read: SELECT * FROM `t` WHERE a = ? AND b = "x" LIMIT 1, 2
        read: SELECT 'O\'Brien', 'a''b', "it's", @@version, @a, _utf8mb4'x', 0xff FROM t # ; DROP TABLE t
        read: SELECT 5--1
        read: SELECT REPLACE(a, 'b', 'c'), INSERT(a, 1, 2, 'x') FROM t USE INDEX (i)
        read: SELECT SQL_NO_CACHE HIGH_PRIORITY 1
        read: SHOW FULL PROCESSLIST
        read: DESCRIBE t
        read: DESC t a
        read: EXPLAIN SELECT 1
        read: EXPLAIN FORMAT=JSON DELETE FROM t
        read write: EXPLAIN ANALYZE DELETE FROM t
        read write: ANALYZE FORMAT=JSON UPDATE t SET a = 1
        read: HANDLER t READ FIRST
        read write: SELECT * FROM t FOR UPDATE
        read write: SELECT * FROM t LOCK IN SHARE MODE
        file unknown: SELECT * INTO OUTFILE '/tmp/x' FROM t
        file unknown: SELECT 1 INTO DUMPFILE '/tmp/x'
        file read: SELECT LOAD_FILE('/etc/passwd')
        read session: SELECT SLEEP (10)
        file write: LOAD DATA LOCAL INFILE 'x' INTO TABLE t
        file write: LOAD DATA INFILE 'x' INTO TABLE t
        write: INSERT INTO t VALUES (1, NULL, NOW()), (2, 'x', NOW()) ON DUPLICATE KEY UPDATE a = 1
        write: REPLACE INTO t (a) VALUES (1)
        write: UPDATE t SET a = 1 ORDER BY b LIMIT 1
        write: DELETE FROM t WHERE a = 1 LIMIT 1
        ddl write: TRUNCATE TABLE t
        session: USE other
        session: SET NAMES utf8mb4
        session unknown: SET NAMES gbk
        session unknown: SET character_set_client = sjis
        session: SET autocommit=0, @a := 1, SESSION sql_mode='STRICT_TRANS_TABLES'
        session: SET sql_mode=CONCAT(@@sql_mode, ',STRICT_TRANS_TABLES')
        session unknown: SET sql_mode=CONCAT('AN', 'SI_QUOTES')
        session unknown: SET @@SESSION.sql_mode = @x
        session unknown: SET sql_mode = 'NO_BACKSLASH_ESCAPES'
        unknown: SET STATEMENT sql_mode='' FOR DELETE FROM t
        admin session: SET GLOBAL read_only = 0
        admin session: SET a = 1, @@global.x = 2
        session write: SET transaction_read_only = 0
        session write: SET @@session.tx_read_only = OFF
        transaction write: SET SESSION TRANSACTION READ WRITE
        transaction: SET TRANSACTION ISOLATION LEVEL READ COMMITTED
        transaction write: START TRANSACTION READ WRITE
        grant: SET PASSWORD = 'x'
        grant session write: SET ROLE admin
        grant: CREATE USER bob IDENTIFIED BY 'x'
        grant: DROP USER bob
        grant: RENAME USER a TO b
        grant: GRANT ALL ON *.* TO bob
        admin: FLUSH PRIVILEGES
        admin: KILL 5
        admin: SHUTDOWN
        admin: START SLAVE
        admin: INSTALL PLUGIN x SONAME 'y'
        admin: OPTIMIZE TABLE t
        admin: ANALYZE TABLE t
        ddl: CREATE TABLE t (a INT AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB
        ddl: ALTER TABLE t ADD COLUMN b INT
        ddl: RENAME TABLE a TO b
        call: CALL p()
        session: PREPARE s FROM 'DELETE FROM t'
        call: EXECUTE s
        call: EXECUTE IMMEDIATE 'DELETE FROM t'
        call unknown: BEGIN NOT ATOMIC DELETE FROM t; SELECT 1 FROM; END
        transaction: LOCK TABLES t READ
        transaction write: LOCK TABLES t READ, u WRITE
        transaction: XA START 'x'
        read: DO 1
        read session: DO SLEEP(1)
        read: SELECT 1;SELECT 2
        ddl read: SELECT ';'; DROP TABLE t
        "#,
    );
}

#[test]
fn whoever_confuses_the_reader_gets_nothing_past_it() {
    let texts = [
        // Executed comments.
        (MySql, "SELECT 1 /*! ; DROP TABLE t */"),
        (MySql, "SELECT 1 /*!50000 INTO OUTFILE 'x' */"),
        (MySql, "SELECT /*M! 1; DROP TABLE t */ 1"),
        (MySql, "SELECT /*+ SET_VAR(sql_mode='ANSI_QUOTES') */ 1"),
        (MySql, "SELECT 1 /* /* */ ; DROP TABLE t -- */"),
        (MySql, "SELECT 1 /* open"),
        // Quotes that end elsewhere under another setting or character set.
        (MySql, "SELECT \"a\\\" ; DROP TABLE t -- \""),
        (MySql, "SELECT '中\\' ; DROP TABLE t -- '"),
        (MySql, "SELECT `中` ; DROP TABLE t -- `"),
        (MySql, "SELECT _gbk'x\\'y'"),
        (MySql, "SELECT 'a"),
        (MySql, "SELECT `a"),
        (MySql, "SELECT 1\u{b}-- x"),
        (Postgres, "SELECT 'a\\' ; DROP TABLE t -- '"),
        (Postgres, "SELECT E'a'\n'b\\' ; DROP TABLE t -- '"),
        (Postgres, "SELECT E'中\\' ; DROP TABLE t -- '"),
        (Postgres, "SELECT U&\"\\0070g_read_file\"('x')"),
        (Postgres, "SELECT U&'a'"),
        (Postgres, "SELECT $é$ ' $é$"),
        (Postgres, "SELECT $a$ b"),
        (Postgres, "SELECT 1 /* /* */"),
        (Postgres, "SELECT \u{a0}1"),
        (Postgres, "SELECT 1\u{2003}; DROP TABLE t"),
        (Postgres, "SELECT 1$$ ; DROP TABLE t; $$"),
        (Postgres, "SELECT `x`"),
        (Postgres, "SELECT 1\0; DROP TABLE t"),
        (MySql, "SELECT 1\0"),
        (Postgres, "SELEC 1"),
        (Postgres, "PRAGMA x"),
        (MySql, "DELIMITER //"),
        (Postgres, "SELECT * FROM t WHERE"),
    ];
    for (dialect, text) in texts {
        assert!(classify(dialect, text).classes.contains(Class::Unknown), "{dialect:?} {text:?}");
    }
}

#[test]
fn what_stands_behind_a_comment_or_a_quote_is_seen() {
    let texts = [
        (MySql, "SELECT 1 --1; DROP TABLE t"),
        (MySql, "SELECT 1 # x\n; DROP TABLE t"),
        (MySql, "SELECT 1 -- x\n; DROP TABLE t"),
        (MySql, "SELECT '\\\\'; DROP TABLE t -- '"),
        (MySql, "SELECT ''''; DROP TABLE t -- '"),
        (Postgres, "SELECT 1 -- x\r; DROP TABLE t"),
        (Postgres, "SELECT 1 --x\n; DROP TABLE t"),
        (Postgres, "SELECT 1 +/* */-1; DROP TABLE t"),
        (Postgres, "SELECT $a$ $b$ $a$; DROP TABLE t; SELECT $b$ $b$"),
        (Postgres, "SELECT a$b$ FROM t; DROP TABLE t -- $b$"),
        (Postgres, "SELECT E'\\\\'; DROP TABLE t -- '"),
        (Postgres, "SELECT \"a\\\"; DROP TABLE t -- \""),
        (Postgres, "/* x */ -- y\n DROP TABLE t"),
    ];
    for (dialect, text) in texts {
        assert!(classify(dialect, text).classes.contains(Class::Ddl), "{dialect:?} {text:?}");
    }
}

#[test]
fn nothing_is_nothing_and_statements_are_counted() {
    assert_eq!(classify(Postgres, " ; -- x\n;").classes, Classes::NONE);
    assert_eq!(classify(Postgres, "SELECT 1; SELECT ';'; ").statements, 2);
}

#[test]
fn large_texts_cost_little() {
    let rows = "(1, 'a', NULL, -2.5, TRUE),".repeat(30_000);
    let text = format!("INSERT INTO t VALUES {}(1)", rows);
    assert_eq!(words(Postgres, &text), "write");
    let list = "1,".repeat(100_000);
    assert_eq!(words(MySql, &format!("SELECT * FROM t WHERE a IN ({list}1)")), "read");
}

#[test]
fn no_text_goes_too_deep() {
    let deep = [
        "(".repeat(MAX_TEXT),
        format!("SELECT {}1{}", "(".repeat(500_000), ")".repeat(500_000)),
        format!("SELECT {}1", "NOT ".repeat(200_000)),
        format!("SELECT {}1", "- ".repeat(200_000)),
        format!("SELECT 1{}", "+1".repeat(200_000)),
        format!("SELECT {}", "CASE WHEN ".repeat(50_000)),
        format!("SELECT 1{}", " UNION SELECT 1".repeat(20_000)),
        format!("SELECT {}1", "[".repeat(400_000)),
        "EXPLAIN ".repeat(100_000),
        "PREPARE a AS ".repeat(50_000),
        "x".repeat(MAX_TEXT + 1),
    ];
    for text in deep {
        for dialect in [MySql, Postgres] {
            let classes = classify(dialect, &text).classes;
            assert!(classes.contains(Class::Unknown), "{}", &text[..40]);
        }
    }
    // As deep as is let through, in a test's stack of 2 MiB.
    let chain = format!("SELECT 1{}", "+1".repeat(MAX_CHAIN / 2 - 1));
    assert_eq!(words(Postgres, &chain), "read");
    for open in ["SELECT * FROM (", "SELECT ((", "SELECT f(", "SELECT CASE WHEN (", "SELECT a IN ("]
    {
        for dialect in [MySql, Postgres] {
            for depth in 1..=MAX_DEPTH {
                let _ = classify(dialect, &format!("{}1{}", open.repeat(depth), ")".repeat(depth)));
                let _ = classify(dialect, &open.repeat(depth));
                let nested = format!("SELECT * FROM {}t{}", "(".repeat(depth), ")".repeat(depth));
                let _ = classify(dialect, &nested);
            }
        }
    }
}
