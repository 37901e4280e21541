import { NextResponse } from "next/server";

export function GET() {
  return NextResponse.json({ status: "ok", commit: process.env.VERCEL_GIT_COMMIT_SHA ?? null });
}
