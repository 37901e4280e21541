import { IsInt, IsOptional, IsString, Length, Max, Min } from "class-validator";

export class CreateChatbotDto {
  @IsString()
  @Length(1, 100)
  name: string;

  @IsInt()
  @Min(0)
  @Max(100)
  temperaturePercent: number;

  @IsOptional()
  @IsString()
  note?: string;
}
