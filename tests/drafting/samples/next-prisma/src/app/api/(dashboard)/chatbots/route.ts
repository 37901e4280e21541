import { NextResponse, type NextRequest } from "next/server";
import { auth } from "@/auth";
import { prisma } from "@/lib/prisma";
import { chatbotInput } from "@/lib/validation";

export async function GET() {
  const session = await auth();
  if (!session?.user?.id) return NextResponse.json({ error: "unauthorized" }, { status: 401 });
  const chatbots = await prisma.chatbot.findMany({ where: { ownerId: session.user.id } });
  return NextResponse.json(chatbots);
}

export async function POST(request: NextRequest) {
  const session = await auth();
  if (!session?.user?.id) return NextResponse.json({ error: "unauthorized" }, { status: 401 });

  const body = await request.json();
  const input = chatbotInput.safeParse(body);
  if (!input.success) {
    return NextResponse.json({ error: input.error.flatten() }, { status: 400 });
  }

  const chatbot = await prisma.chatbot.create({
    data: { ...input.data, ownerId: session.user.id },
    select: { id: true, name: true, publicToken: true },
  });
  return NextResponse.json(chatbot, { status: 201 });
}
