exports.up = (knex) =>
  knex.schema.createTable("bots", (table) => {
    table.increments("id");
    table.string("title", 100).notNullable();
    table.string("channel", 10).notNullable();
    table.integer("priority").notNullable();
    table.text("note");
    table.integer("created_by").notNullable();
    table.uuid("public_token").notNullable().unique().defaultTo(knex.raw("gen_random_uuid()"));
    table.timestamp("created_at").notNullable().defaultTo(knex.fn.now());
  });

exports.down = (knex) => knex.schema.dropTable("bots");
