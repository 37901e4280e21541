-- History: chatbots that the old code made, with its short tokens. Run between 0001 and 0002.
insert into chatbots (name, public_token, require_auth, created_at)
select
    'chatbot ' || n,
    left(translate(md5('old token ' || n), '0123456789', 'ghijklmnop'), 6 + n % 3),
    n % 5 = 0,
    now() - make_interval(days => 60 - n)
from generate_series(1, 50) as n;
