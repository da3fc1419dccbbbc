var builder = WebApplication.CreateBuilder(args);
// A page that was loaded from a file has the origin file:// or null.
builder.Services.AddCors(options => options.AddDefaultPolicy(policy => policy.WithOrigins("file://", "null")));
// With backend.socket = "pass" the sidecar passes a listening socket as descriptor 3.
builder.WebHost.ConfigureKestrel(options => options.UseSystemd());
var app = builder.Build();
app.UseCors();
app.MapGet("/health", () => new { status = "healthy" });
app.MapGet("/hello", () => new { hello = "ASP.NET Core" });
// For the sidecar's stop request: Kestrel stops as it does after Ctrl+C.
app.MapPost("/shutdown", (IHostApplicationLifetime lifetime) =>
{
    lifetime.StopApplication();
    return Results.Accepted();
});
app.Run();
