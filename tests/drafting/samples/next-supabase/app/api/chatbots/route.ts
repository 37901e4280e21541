import { supabaseServer } from "../../../lib/supabase";

export async function POST(request: Request) {
  const supabase = await supabaseServer();
  const {
    data: { user },
  } = await supabase.auth.getUser();
  if (!user) return Response.json({ error: "unauthorized" }, { status: 401 });

  const { name, workspaceId } = await request.json();
  if (!name || !workspaceId) {
    return Response.json({ error: "name and workspaceId are required" }, { status: 400 });
  }
  const { data, error } = await supabase
    .from("chatbots")
    .insert({ name, workspace_id: workspaceId })
    .select("id, name, public_token")
    .single();
  if (error) return Response.json({ error: error.message }, { status: 500 });
  return Response.json({ data }, { status: 201 });
}
