create table public.workspaces (
  id uuid primary key default gen_random_uuid(),
  slug text not null unique,
  invite_token text unique
);

create table public.chatbots (
  id bigint generated always as identity primary key,
  workspace_id uuid not null references public.workspaces,
  name text not null,
  public_token uuid not null default gen_random_uuid() unique,
  created_at timestamptz not null default now()
);

alter table public.chatbots enable row level security;
